import { describe, expect, it } from 'vitest';
import type { BusinessDay, Figure } from '../api/types';
import { bars, figureKinds, figureText, figureWords, type FigureKind } from './business';

const kind = (name: string): FigureKind => figureKinds.find((known) => known.name === name) as FigureKind;
const figure = (part: number, whole: number): Figure => ({ part, whole, value: whole ? part / whole : null });
const day = (date: string, change: Partial<BusinessDay>): BusinessDay =>
  ({ day: date, ...Object.fromEntries(figureKinds.map(({ name }) => [name, figure(0, 0)])), ...change }) as BusinessDay;

describe('a figure', () => {
  it('without data says so: that is neither 0 % nor 100 %', () => {
    expect(figureText(kind('llm_success'), figure(0, 0))).toBe('no data');
    expect(figureText(kind('interaction_cost'), figure(0, 0))).toBe('no data');
    expect(figureText(kind('llm_success'), figure(0, 3))).toBe('0%');
  });

  it('is 100 % only when all are, and 0 % only when none is', () => {
    expect(figureText(kind('llm_success'), figure(999, 1000))).toBe('99%');
    expect(figureText(kind('llm_success'), figure(1000, 1000))).toBe('100%');
    expect(figureText(kind('llm_success'), figure(1, 1000))).toBe('under 1%');
  });

  it('tells part and whole in words', () => {
    expect(figureWords(kind('llm_success'), figure(1, 1))).toBe('1 of 1 attempt answered');
    expect(figureWords(kind('interaction_cost'), figure(3e9, 2))).toBe('$3.00 spent in 2 runs that ended');
  });
});

describe('bars', () => {
  it('run from the oldest day, leave days without data out, and draw shares against all of it', () => {
    const drawn = bars(kind('llm_success'), [day('2026-11-30', { llm_success: figure(1, 2) }), day('2026-11-29', {})]);
    expect(drawn.map(({ day: date, height }) => [date, height])).toEqual([['2026-11-29', null], ['2026-11-30', 50]]);
    expect(drawn[0]?.text).toBe('2026-11-29: no data');
    expect(drawn[1]?.text).toBe('2026-11-30: 50%, 1 of 2 attempts answered');
  });

  it('draw money against the dearest day, also where every day was free', () => {
    const cost = (nano: number): Partial<BusinessDay> => ({ interaction_cost: figure(nano, 1) });
    expect(bars(kind('interaction_cost'), [day('b', cost(4e6)), day('a', cost(1e6))]).map(({ height }) => height)).toEqual([25, 100]);
    expect(bars(kind('interaction_cost'), [day('a', cost(0))])[0]?.height).toBe(0);
  });
});
