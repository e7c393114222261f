/** Draws the stretches without data: hatched, with a word and their length when there is room. */
import type uPlot from 'uplot';
import { duration } from '../core/format';
import { captions, type Named } from '../core/labels';
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
  ctx.font = `500 ${11.5 * scale}px ${palette.font}`;
  const seen = bands.map((band) => place(u, band)).filter(({ left, right }) => right - left >= 1);
  seen.sort((a, b) => a.left - b.left);
  const starts = captions(seen, bbox.left, bbox.left + bbox.width, 8 * scale);
  seen.forEach(({ left, right, text }, i) => {
    ctx.fillStyle = pattern;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = palette.hatch;
    ctx.fillRect(left, bbox.top, right - left, 2 * scale);
    const start = starts[i];
    if (start == null) return;
    ctx.fillStyle = palette.ink2;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillText(text, start, bbox.top - 9 * scale);
  });
  ctx.restore();
}

function place(u: uPlot, band: Band): Named & { text: string } {
  const { ctx, bbox } = u;
  const text = `${band.label}, ${duration(band.to - band.from).replace('.0', '')}`;
  return {
    left: Math.max(bbox.left, u.valToPos(band.from, 'x', true)),
    right: Math.min(bbox.left + bbox.width, u.valToPos(band.to, 'x', true)),
    width: ctx.measureText(text).width,
    text,
  };
}
