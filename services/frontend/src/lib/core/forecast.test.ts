import { describe, expect, it } from 'vitest';
import type { ModelCall, ModelDays, Spending } from '../api/types';
import { forecast, monthEnd, parts, refusals } from './forecast';

const USD = 1e9;
const now = Date.parse('2026-11-21T00:00:00Z');
const limit = { name: '', month: '2026-11', cap_nano_usd: 100 * USD, spent_nano_usd: 40 * USD, committed_nano_usd: 40 * USD, excess_nano_usd: 0 };
const spending: Spending = { current: '2026-11', month: limit, agents: [], alerts: [], saved_nano_usd: 0 };
const day = (date: string, dollars: number, model = 'a/one', tier = 'small'): ModelDays['days'][number] => ({
  day: date, tier, model, attempts: 2, answered: 2, broke_contract: 0, cost_nano_usd: dollars * USD,
  input_tokens: 0, output_tokens: 0, p50_seconds: null, p95_seconds: null,
});

describe('forecast', () => {
  it('goes on at the pace of the last full days, today left out', () => {
    const days = [day('2026-11-21', 50), ...['14', '15', '16', '17', '18', '19', '20'].map((date) => day(`2026-11-${date}`, 2))];
    expect(forecast(spending, days, now)).toEqual({ nano: 60 * USD, pace: 2 * USD, days: 7, reachedAt: null });
  });

  it('says when the limit is reached, and never more than the limit', () => {
    const found = forecast(spending, [day('2026-11-20', 10), day('2026-11-19', 10)], now);
    expect(found?.days).toBe(2);
    expect(found?.nano).toBe(100 * USD);
    expect(found?.reachedAt).toBe(Date.parse('2026-11-27T00:00:00Z'));
  });

  it('tells nothing from less than a day, or when nothing was spent', () => {
    expect(forecast(spending, [day('2026-11-21', 1)], now)).toBeNull();
    expect(forecast({ ...spending, month: null }, [day('2026-11-20', 1)], now)).toBeNull();
  });

  it('knows where a month ends', () => {
    expect(new Date(monthEnd('2026-12')).toISOString()).toBe('2027-01-01T00:00:00.000Z');
  });
});

describe('parts', () => {
  it('sums the days of the month by model or tier', () => {
    const days = [day('2026-11-02', 1), day('2026-11-03', 2), day('2026-11-03', 9, 'b/two', 'large'), day('2026-10-30', 70)];
    expect(parts(days, '2026-11', 'model')).toEqual([
      { name: 'b/two', nano: 9 * USD, attempts: 2, percent: 75 },
      { name: 'a/one', nano: 3 * USD, attempts: 4, percent: 25 },
    ]);
    expect(parts(days, '2026-11', 'tier').map(({ name }) => name)).toEqual(['large', 'small']);
  });
});

describe('refusals', () => {
  it('finds what the budget and what a provider refused, with the reason', () => {
    const call = (patch: Partial<ModelCall>): ModelCall => ({ reason: 'the cheapest that can do it', state: 'settled', error: null, ...patch }) as ModelCall;
    const found = refusals([
      call({}),
      call({ reason: 'claude was not paid for: 0.01 of the limit of scout is left' }),
      call({ state: 'released', error: 'limited: 429' }),
    ]);
    expect(found.map(({ kind, why }) => [kind, why])).toEqual([
      ['budget', '0.01 of the limit of scout is left'],
      ['provider', 'limited: 429'],
    ]);
  });
});
