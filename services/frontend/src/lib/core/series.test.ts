import { describe, expect, it } from 'vitest';
import { isoAt, T0 } from './fixtures';
import {
  axisEnd,
  bands,
  breakAtHoles,
  lastValue,
  overlay,
  sample,
  withOutage,
  withUnread,
} from './series';

const S0 = T0 / 1000;
const gap = (feed: string, from: number, to: number) => ({ id: `${feed}${from}`, feed, start: isoAt(from), end: isoAt(to), cause: '' });

describe('withUnread', () => {
  it('hatches what is still to be read of the past', () => {
    expect(withUnread([], S0 - 1800, true, S0)).toEqual([{ from: S0 - 1740, to: S0, label: 'Not read yet' }]);
  });

  it('adds nothing once the past is read, nor for the last few minutes of it', () => {
    expect(withUnread([], S0 - 1800, false, S0)).toEqual([]);
    expect(withUnread([], S0 - 180, true, S0)).toEqual([]);
    expect(withUnread([], null, true, S0)).toEqual([]);
  });
});

describe('breakAtHoles', () => {
  it('keeps empty minutes empty', () => {
    const { times, columns } = breakAtHoles([isoAt(0), isoAt(60), isoAt(120)], [[1, null, 3]]);
    expect(times).toEqual([S0, S0 + 60, S0 + 120]);
    expect(columns).toEqual([[1, null, 3]]);
  });

  it('puts an empty point where minutes are missing, so that no line crosses', () => {
    const { times, columns } = breakAtHoles([isoAt(0), isoAt(300)], [[1, 2], [5, 6]]);
    expect(times).toEqual([S0, S0 + 60, S0 + 300]);
    expect(columns).toEqual([[1, null, 2], [5, null, 6]]);
  });

  it('leaves out what lies before the range', () => {
    const { times, columns } = breakAtHoles([isoAt(0), isoAt(60)], [[1, 2]], S0 + 60);
    expect(times).toEqual([S0 + 60]);
    expect(columns).toEqual([[2]]);
  });

  it('takes a column that is too short as unknown', () => {
    expect(breakAtHoles([isoAt(0), isoAt(60)], [[1]]).columns).toEqual([[1, null]]);
  });
});

describe('overlay', () => {
  it('lays series with different minutes over one axis', () => {
    const laid = overlay([
      [{ start: isoAt(60), value: 1 }],
      [{ start: isoAt(0), value: 5 }, { start: isoAt(60), value: 6 }],
    ]);
    expect(laid).toEqual({ minutes: [isoAt(0), isoAt(60)], values: [[null, 1], [5, 6]] });
  });
});

describe('bands', () => {
  it('joins gaps that overlap and names the feeds when there are several', () => {
    const joined = bands([gap('b', 30, 90), gap('a', 0, 60), gap('a', 200, 260)], 2);
    expect(joined).toEqual([
      { from: S0, to: S0 + 90, label: 'No data from a, b' },
      { from: S0 + 200, to: S0 + 260, label: 'No data from a' },
    ]);
  });

  it('does not name the only feed, and drops empty gaps', () => {
    expect(bands([gap('a', 0, 60), gap('a', 100, 100)], 1)).toEqual([{ from: S0, to: S0 + 60, label: 'No data' }]);
  });

  it('adds the time since the connection was lost', () => {
    expect(withOutage([], S0, S0 + 40)).toEqual([{ from: S0, to: S0 + 40, label: 'Not connected' }]);
    expect(withOutage([], null, S0)).toEqual([]);
  });
});

describe('axisEnd', () => {
  it('stays at the newest value while values come', () => {
    expect(axisEnd(S0, null, S0 + 100)).toBe(S0 + 30);
  });

  it('goes on with the clock when values stopped coming or the stream is lost', () => {
    expect(axisEnd(S0, null, S0 + 600)).toBe(S0 + 600);
    expect(axisEnd(S0, S0 + 5, S0 + 20)).toBe(S0 + 20);
    expect(axisEnd(null, null, S0)).toBe(S0);
  });
});

describe('lastValue and sample', () => {
  it('finds the newest value in front of trailing holes', () => {
    expect(lastValue([1, 2, 3], [7, 8, null])).toEqual({ time: 2, value: 8 });
    expect(lastValue([1], [null])).toBeNull();
  });

  it('takes at most so many rows and always the newest', () => {
    expect(sample(6, 3)).toEqual([1, 3, 5]);
    expect(sample(360, 30)).toHaveLength(30);
    expect(sample(2, 30)).toEqual([0, 1]);
    expect(sample(0, 30)).toEqual([]);
  });
});
