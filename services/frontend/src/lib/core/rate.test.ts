import { describe, expect, it } from 'vitest';
import { RateWindow } from './rate';

describe('RateWindow', () => {
  it('averages shown and stored posts over the seconds that are over', () => {
    const window = new RateWindow(10);
    for (let second = 0; second < 5; second++) window.add(second * 1000 + 100, 20, 140);
    expect(window.read(5000)).toEqual({ shown: 20, stored: 140 });
  });

  it('leaves the second in progress out, which is not complete yet', () => {
    const window = new RateWindow(10);
    window.add(0, 10, 10);
    window.add(1500, 1, 1);
    expect(window.read(1600)).toEqual({ shown: 10, stored: 10 });
  });

  it('falls to zero when the stream stops, and keeps one slot a second', () => {
    const window = new RateWindow(10);
    for (let i = 0; i < 5000; i++) window.add(i * 100, 1, 1);
    expect(window.read(500_000).shown).toBeCloseTo(10);
    expect(window.read(900_000)).toEqual({ shown: 0, stored: 0 });
  });
});
