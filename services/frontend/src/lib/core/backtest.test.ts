import { describe, expect, it } from 'vitest';
import type { Backtest } from '../api/types';
import { chartOf } from './backtest';
import { T0, isoAt } from './fixtures';

const HOUR = 3600;

function makeBacktest(change: Partial<Backtest> = {}): Backtest {
  return {
    start: isoAt(0),
    end: isoAt(6 * HOUR),
    fired: 1,
    matched: 9,
    episodes: [],
    topics: [],
    bucket_minutes: 60,
    series: [0, 1, 2, 3, 4, 5].map((hour) => ({ start: isoAt(hour * HOUR), posts: hour < 2 ? null : hour, usual: 1 })),
    gaps: [{ id: 'g', feed: 'f', start: isoAt(3 * HOUR), end: isoAt(4 * HOUR), cause: 'clamped' }],
    data_from: isoAt(2 * HOUR),
    data_to: isoAt(6 * HOUR),
    missing_minutes: 180,
    degraded: null,
    summary: '',
    took_ms: 1,
    ...change,
  };
}

describe('chartOf', () => {
  it('hatches what was before the first stored post, and the gaps', () => {
    const at = (hour: number) => T0 / 1000 + hour * HOUR;
    const model = chartOf(makeBacktest(), 1);
    expect(model.bands).toEqual([
      { from: at(0), to: at(2), label: 'Nothing was stored yet' },
      { from: at(3), to: at(4), label: 'No data' },
    ]);
    expect(model.columns[0]).toEqual([null, null, 2, 3, 4, 5]);
  });

  it('shows what there is of a period that began long before the first stored post', () => {
    const series = [{ start: isoAt(167 * HOUR), posts: 5, usual: null }];
    const change = { end: isoAt(168 * HOUR), data_from: isoAt(164 * HOUR), data_to: isoAt(168 * HOUR), gaps: [], series };
    const model = chartOf(makeBacktest(change), 1);
    expect(model.from).toBe(T0 / 1000 + 162 * HOUR);
    // the band is as long as nothing was stored: its caption says so
    expect(model.bands).toEqual([{ from: T0 / 1000, to: T0 / 1000 + 164 * HOUR, label: 'Nothing was stored yet' }]);
    expect(model.unit).toBe('an hour');
  });

  it('says what time each value counts: a bucket is rarely a minute', () => {
    expect(chartOf(makeBacktest({ bucket_minutes: 30 }), 1).unit).toBe('in 30 minutes');
    expect(chartOf(makeBacktest({ bucket_minutes: 1 }), 1).unit).toBe('a minute');
  });

  it('hatches all of a period without any stored post', () => {
    const model = chartOf(makeBacktest({ data_from: null, data_to: null, gaps: [] }), 1);
    expect(model.bands).toEqual([{ from: T0 / 1000, to: model.to, label: 'Nothing was stored yet' }]);
  });
});
