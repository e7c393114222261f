/** A chart as a picture that can stand alone: its title, the time it covers, and what is missing in it. */
import type { ChartModel } from './model';
import { readPalette } from './palette';

const HEAD = 52;
const FOOT = 30;
const EDGE = 16;

const stamp = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** PNG of what the canvas in `host` shows at present, on the page's own ground. */
export async function picture(host: HTMLElement, model: ChartModel, title: string): Promise<Blob> {
  const drawn = host.querySelector('canvas');
  if (!drawn) throw new Error('the chart is not drawn yet');
  const scale = drawn.width / Math.max(1, host.clientWidth);
  const [head, foot, edge] = [HEAD, FOOT, EDGE].map((size) => Math.round(size * scale)) as [number, number, number];
  const canvas = document.createElement('canvas');
  canvas.width = drawn.width + 2 * edge;
  canvas.height = drawn.height + head + foot;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the browser gives no canvas to draw on');
  const style = getComputedStyle(document.documentElement);
  const palette = readPalette(host);
  context.fillStyle = style.getPropertyValue('--surface');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = 'middle';
  const write = (text: string, y: number, size: number, weight: number, ink: string): void => {
    context.font = `${weight} ${size * scale}px ${palette.font}`;
    context.fillStyle = ink;
    context.fillText(text, edge, y, canvas.width - 2 * edge);
  };
  write(title, head * 0.36, 15, 600, style.getPropertyValue('--ink'));
  write(covered(model), head * 0.78, 12, 450, palette.ink2);
  context.drawImage(drawn, edge, head);
  write(caveat(model), canvas.height - foot / 2, 11, 450, palette.ink3);
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error('the picture could not be made'))), 'image/png'),
  );
}

function covered(model: ChartModel): string {
  return `${stamp.format(model.from * 1000)} to ${stamp.format(model.to * 1000)}`;
}

function caveat(model: ChartModel): string {
  const within = model.bands.filter((band) => band.to > model.from).map((band) => band.label);
  return within.length ? `Hatched: ${[...new Set(within)].join('; ')}. Groundswell` : 'Groundswell';
}
