/** Draws the stretches without data: hatched, with a word and their length when there is room. */
import type uPlot from 'uplot';
import { duration } from '../core/format';
import type { Band } from '../core/series';
import type { Palette } from './palette';

const TILE = 8;

export function hatchTile(ink: string, scale: number): HTMLCanvasElement {
  const tile = document.createElement('canvas');
  const size = TILE * scale;
  tile.width = tile.height = size;
  const pen = tile.getContext('2d');
  if (!pen) return tile;
  pen.strokeStyle = ink;
  pen.lineWidth = scale;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
  }
  pen.stroke();
  return tile;
}

export function drawBands(u: uPlot, bands: readonly Band[], palette: Palette, pattern: CanvasPattern): void {
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  ctx.save();
  for (const band of bands) {
    const left = Math.max(bbox.left, u.valToPos(band.from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(band.to, 'x', true));
    if (right - left < 1) continue;
    ctx.fillStyle = pattern;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = palette.hatch;
    ctx.fillRect(left, bbox.top, right - left, 2 * scale);
    drawCaption(u, band, left, right, palette);
  }
  ctx.restore();
}

function drawCaption(u: uPlot, band: Band, left: number, right: number, palette: Palette): void {
  const { ctx, bbox } = u;
  const scale = devicePixelRatio;
  const text = `${band.label}, ${duration(band.to - band.from).replace('.0', '')}`;
  ctx.font = `500 ${11.5 * scale}px ${palette.font}`;
  const width = ctx.measureText(text).width;
  const start = Math.min((left + right - width) / 2, bbox.left + bbox.width - width);
  ctx.fillStyle = palette.ink2;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.fillText(text, Math.max(bbox.left, start), bbox.top - 9 * scale);
}
