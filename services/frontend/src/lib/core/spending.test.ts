import { describe, expect, it } from 'vitest';
import type { ModelCall, Spending } from '../api/types';
import { byDay, monthName, standing, used } from './spending';

const month = (spent: number, committed: number, cap = 1e9): Spending => ({
  current: '2026-11',
  month: { name: '', month: '2026-11', cap_nano_usd: cap, spent_nano_usd: spent, committed_nano_usd: committed, excess_nano_usd: 0 },
  agents: [],
  alerts: [],
  saved_nano_usd: 0,
});

describe('used', () => {
  it('tells what is spent and what is set aside', () => {
    expect(used(month(2.5e8, 3e8))).toEqual({
      spent: 25,
      underWay: 5,
      sentence: '$0.25 of $1.00 spent. $0.05 more is set aside for calls that are under way.',
    });
    expect(used(month(2.5e8, 2.5e8))?.sentence).toBe('$0.25 of $1.00 spent.');
  });

  it('never draws beyond the limit, and divides by no limit', () => {
    expect(used(month(15e8, 16e8))).toMatchObject({ spent: 100, underWay: 0 });
    expect(used(month(0, 0, 0))).toMatchObject({ spent: 0, underWay: 0 });
    expect(used({ ...month(0, 0), month: null })).toBeNull();
  });
});

describe('byDay', () => {
  it('has a day for each, with the models of one added up', () => {
    const one = { tier: 't', input_tokens: 0, output_tokens: 0, p50_seconds: null, p95_seconds: null };
    const found = [
      { ...one, day: '2026-11-30', model: 'a', attempts: 2, answered: 1, broke_contract: 1, cost_nano_usd: 5 },
      { ...one, day: '2026-11-30', model: 'b', attempts: 1, answered: 1, broke_contract: 0, cost_nano_usd: 7 },
      { ...one, day: '2026-10-01', model: 'a', attempts: 9, answered: 9, broke_contract: 9, cost_nano_usd: 9 },
    ];
    expect(byDay(found, '2026-11-30', 2)).toEqual([
      { day: '2026-11-29', nano: 0, attempts: 0, answered: 0, broke: 0 },
      { day: '2026-11-30', nano: 12, attempts: 3, answered: 2, broke: 1 },
    ]);
  });
});

describe('words', () => {
  it('names months and states', () => {
    expect(monthName('2026-11')).toBe('November 2026');
    const call = (state: ModelCall['state'], basis: ModelCall['basis'] = null): string => standing({ state, basis } as ModelCall);
    expect([call('reserved'), call('dispatched'), call('released'), call('settled', 'usage')]).toEqual([
      'about to be sent', 'under way', 'cost nothing', 'answered',
    ]);
    expect(call('settled', 'bound')).toContain('charged in full');
    const broken = { state: 'settled', basis: 'usage', error: 'contract: it cites no post' } as ModelCall;
    expect(standing(broken)).toBe('its answer could not be used');
  });
});
