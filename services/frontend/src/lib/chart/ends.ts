/** Draws the dot at each line's end and its label beside the plot, moved apart where they collide. */
import type uPlot from 'uplot';
import { spread } from '../core/labels';
import { lastValue } from '../core/series';
import type { ChartModel, Line } from './model';
import type { Palette } from './palette';

interface End {
  line: Line;
  x: number;
  y: number;
  value: number;
  per: string;
}

/** `width` is the room beside the plot in CSS pixels; a narrow one shows the values only. */
export function drawEnds(u: uPlot, model: ChartModel, palette: Palette, width: number): void {
  const scale = devicePixelRatio;
  const { ctx, bbox } = u;
  const narrow = width < 80;
  const ends = findEnds(u, model);
  const heights = spread(
    ends.map((end) => end.y),
    (narrow ? 16 : 33) * scale,
    bbox.top + 6 * scale,
    bbox.top + bbox.height - 8 * scale,
  );
  ctx.save();
  ctx.setLineDash([]);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ends.forEach((end, i) => {
    const colour = palette.lines[end.line.colour] ?? palette.ink2;
    const label = { x: bbox.left + bbox.width + 14 * scale, y: heights[i] ?? end.y };
    if (!end.line.reference) drawDot(ctx, end, colour, scale, palette.surface);
    drawLeader(ctx, { x: Math.max(end.x + 6 * scale, bbox.left + bbox.width - 4 * scale), y: end.y }, label, colour, scale);
    if (narrow) drawValue(ctx, end, label, colour, palette, scale);
    else drawLabel(ctx, end, label, colour, palette, scale, (width - 22) * scale);
  });
  ctx.restore();
}

function findEnds(u: uPlot, model: ChartModel): End[] {
  const { left, width } = u.bbox;
  return model.lines.flatMap((line, i) => {
    const last = lastValue(model.times, model.columns[i] ?? []);
    if (!last || last.time < model.from) return [];
    const x = Math.min(left + width, u.valToPos(last.time, 'x', true));
    return [{ line, x, y: u.valToPos(last.value, 'y', true), value: last.value, per: model.per ?? 'a minute' }];
  });
}

function drawDot(ctx: CanvasRenderingContext2D, end: End, colour: string, scale: number, paper: string): void {
  ctx.beginPath();
  ctx.arc(end.x, end.y, (end.line.strong ? 4 : 3) * scale, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.strokeStyle = paper;
  ctx.lineWidth = 1.5 * scale;
  ctx.stroke();
  ctx.fill();
}

/** Joins label and height beside the plot only: a line across it would look like data. */
function drawLeader(
  ctx: CanvasRenderingContext2D,
  start: { x: number; y: number },
  label: { x: number; y: number },
  colour: string,
  scale: number,
): void {
  ctx.globalAlpha = 0.5;
  ctx.strokeStyle = colour;
  ctx.lineWidth = scale;
  ctx.beginPath();
  ctx.moveTo(start.x, start.y);
  ctx.lineTo(label.x - 9 * scale, start.y);
  ctx.lineTo(label.x - 3 * scale, label.y);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

function drawValue(
  ctx: CanvasRenderingContext2D,
  end: End,
  label: { x: number; y: number },
  colour: string,
  palette: Palette,
  scale: number,
): void {
  ctx.fillStyle = colour;
  ctx.font = `${end.line.strong ? 650 : 550} ${12 * scale}px ${palette.font}`;
  ctx.fillText(format(end.value), label.x, label.y);
}

function drawLabel(
  ctx: CanvasRenderingContext2D,
  end: End,
  label: { x: number; y: number },
  colour: string,
  palette: Palette,
  scale: number,
  room: number,
): void {
  ctx.fillStyle = colour;
  ctx.font = `${end.line.strong ? 650 : 500} ${12 * scale}px ${palette.font}`;
  ctx.fillText(shorten(ctx, end.line.label, room), label.x, label.y - 7 * scale);
  ctx.fillStyle = palette.ink2;
  ctx.font = `450 ${12 * scale}px ${palette.font}`;
  ctx.fillText(`${format(end.value)} ${end.per}`, label.x, label.y + 8 * scale);
}

function format(value: number): string {
  if (value > 0 && value < 0.1) return '<0.1';
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

function shorten(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  if (ctx.measureText(text).width <= room) return text;
  const characters = [...text];
  while (characters.length > 2 && ctx.measureText(`${characters.join('')}…`).width > room) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}
