import { describe, expect, it } from 'vitest';
import { captions, spread } from './labels';

describe('spread', () => {
  it('leaves labels that do not collide where they are', () => {
    expect(spread([10, 50, 90], 20, 0, 100)).toEqual([10, 50, 90]);
  });

  it('moves two that collide by the same way in both directions', () => {
    expect(spread([50, 54], 20, 0, 100)).toEqual([42, 62]);
  });

  it('answers in the order of the input', () => {
    expect(spread([54, 50], 20, 0, 100)).toEqual([62, 42]);
  });

  it('keeps a crowd inside the plot', () => {
    expect(spread([98, 99, 100], 20, 0, 100)).toEqual([60, 80, 100]);
    expect(spread([0, 0, 1], 20, 0, 100)).toEqual([0, 20, 40]);
  });

  it('shrinks the spacing when there is no room', () => {
    expect(spread([5, 5, 5], 80, 0, 100)).toEqual([0, 50, 100]);
  });

  it('never lets neighbours overlap or leave the plot', () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    for (let round = 0; round < 300; round++) {
      const wanted = Array.from({ length: 1 + Math.floor(random() * 8) }, () => random() * 300);
      const placed = spread(wanted, 30, 10, 290);
      const sorted = [...placed].sort((a, b) => a - b);
      sorted.forEach((y, i) => {
        expect(y).toBeGreaterThanOrEqual(10 - 1e-6);
        expect(y).toBeLessThanOrEqual(290 + 1e-6);
        if (i) expect(y - (sorted[i - 1] ?? 0)).toBeGreaterThanOrEqual(30 - 1e-6);
      });
    }
  });

  it('places nothing for no labels', () => {
    expect(spread([], 20, 0, 100)).toEqual([]);
  });
});

describe('captions', () => {
  it('stands in the middle above what it names, within the plot', () => {
    expect(captions([{ left: 40, right: 60, width: 40 }], 0, 100, 5)).toEqual([30]);
    expect(captions([{ left: 0, right: 10, width: 40 }], 0, 100, 5)).toEqual([0]);
    expect(captions([{ left: 90, right: 100, width: 40 }], 0, 100, 5)).toEqual([60]);
  });

  it('moves aside for the one before, and is left out where it would name something else', () => {
    const first = { left: 0, right: 20, width: 60 };
    expect(captions([first, { left: 70, right: 90, width: 30 }], 0, 200, 5)).toEqual([0, 65]);
    expect(captions([first, { left: 30, right: 40, width: 60 }], 0, 200, 5)).toEqual([0, null]);
    expect(captions([first, { left: 60, right: 80, width: 60 }], 0, 100, 5)).toEqual([0, null]);
  });
});
