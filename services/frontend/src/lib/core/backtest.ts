/** A backtest as the chart draws it. */
import type { Backtest } from '../api/types';
import type { ChartModel } from '../chart/model';
import { plural } from './format';
import { bands, type Column } from './series';

const UNITS: Readonly<Record<number, string>> = { 1: 'a minute', 60: 'an hour', 1440: 'a day' };

/** Posts that matched and what is usual, a bucket each; what has no data is hatched, never zero. */
export function chartOf(result: Backtest, feeds: number): ChartModel {
  const bucket = result.bucket_minutes * 60;
  const times = result.series.map((point) => Date.parse(point.start) / 1000);
  const columns: Column[] = [result.series.map((point) => point.posts), result.series.map((point) => point.usual)];
  const begin = Date.parse(result.start) / 1000;
  const to = Date.parse(result.end) / 1000;
  const known = bands(result.gaps, feeds);
  const first = result.data_from === null ? to : Date.parse(result.data_from) / 1000;
  const last = result.data_to === null ? to : Date.parse(result.data_to) / 1000;
  // Where most of the period lies before the first stored post, its end would be a line at the edge.
  const from = Math.max(begin, Math.min(first, to - bucket) - (to - first) / 4 - bucket);
  return {
    times,
    columns,
    from,
    to,
    unit: UNITS[result.bucket_minutes] ?? `in ${plural(result.bucket_minutes, 'minute')}`,
    bands: [
      ...(first - from > bucket ? [{ from: begin, to: first, label: 'Nothing was stored yet' }] : []),
      ...known,
      ...(to - last > bucket ? [{ from: last, to, label: 'Nothing is stored' }] : []),
    ],
    lines: [
      { id: 'posts', label: 'Matched', colour: 1, strong: true },
      { id: 'usual', label: 'Usual', colour: 0, strong: false, reference: true },
    ],
  };
}
