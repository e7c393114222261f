/** A chart's numbers as a file for a spreadsheet. */
import type { ChartModel } from '../chart/model';

/** One line a point in time; an empty cell where nothing is known, and why in the last column. */
export function chartCsv(model: Pick<ChartModel, 'times' | 'columns' | 'lines' | 'bands'>): string {
  const rows = [['time (UTC)', ...model.lines.map((line) => line.label), 'missing']];
  model.times.forEach((time, i) => {
    const values = model.columns.map((column) => column[i]?.toString() ?? '');
    const gap = model.bands.find((band) => time >= band.from && time < band.to);
    const missing = gap?.label ?? (values.every((value) => value === '') ? 'no data' : '');
    rows.push([new Date(time * 1000).toISOString().replace('.000Z', 'Z'), ...values, missing]);
  });
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** Quoted; what a spreadsheet would take for a formula becomes text, since strangers name topics. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** A file name of plain letters, with the time of the last value. */
export function fileName(title: string, until: number, extension: string): string {
  const slug = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 60);
  const stamp = new Date(until * 1000).toISOString().slice(0, 16).replace(/[:T]/g, '-');
  return `${slug || 'chart'}-${stamp}.${extension}`;
}
