/** Where the month's spending leads, and what it went to. Amounts are whole nano-dollars; days are UTC's. */
import type { ModelCall, ModelDays, Spending } from '../api/types';

const DAY = 86_400_000;
/** So many days back tell the pace: longer is calmer, shorter notices a new schedule sooner. */
const PACE_DAYS = 7;

export interface Forecast {
  /** By the end of the month, at the pace of the last days. */
  nano: number;
  /** Of one day. */
  pace: number;
  /** Days that the pace was read from: less than seven at the beginning. */
  days: number;
  /** When the limit would be reached (milliseconds), or null when the month ends first. */
  reachedAt: number | null;
}

/** `null` before anything was spent this month, or without a full day to read a pace from. */
export function forecast(spending: Spending, found: ModelDays['days'], now: number): Forecast | null {
  const month = spending.month;
  if (!month || !found.length) return null;
  const today = Math.floor(now / DAY) * DAY;
  const oldest = Math.min(...found.map(({ day }) => Date.parse(`${day}T00:00:00Z`)));
  const days = Math.min(PACE_DAYS, Math.floor((today - oldest) / DAY));
  if (days < 1) return null;
  const from = today - days * DAY;
  const spent = found.reduce((sum, one) => {
    const day = Date.parse(`${one.day}T00:00:00Z`);
    return day >= from && day < today ? sum + one.cost_nano_usd : sum;
  }, 0);
  const pace = spent / days;
  const end = monthEnd(spending.current);
  const left = Math.max(0, end - now) / DAY;
  const room = month.cap_nano_usd - month.spent_nano_usd;
  const reached = pace > 0 ? now + (Math.max(0, room) / pace) * DAY : Infinity;
  const nano = Math.min(month.spent_nano_usd + pace * left, Math.max(month.cap_nano_usd, month.spent_nano_usd));
  return { nano, pace, days, reachedAt: reached < end ? reached : null };
}

/** The first moment after a month such as `2026-11`. */
export function monthEnd(month: string): number {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return Date.UTC(year, number, 1);
}

export interface Part {
  name: string;
  nano: number;
  attempts: number;
  /** Of all that was spent, 0 to 100. */
  percent: number;
}

/** What the days of one month went to, by model or by tier, the dearest first. */
export function parts(found: ModelDays['days'], month: string, by: 'model' | 'tier'): Part[] {
  const sums = new Map<string, { nano: number; attempts: number }>();
  for (const one of found) {
    if (!one.day.startsWith(month)) continue;
    const sum = sums.get(one[by]) ?? { nano: 0, attempts: 0 };
    sums.set(one[by], { nano: sum.nano + one.cost_nano_usd, attempts: sum.attempts + one.attempts });
  }
  const whole = Math.max(1, [...sums.values()].reduce((sum, { nano }) => sum + nano, 0));
  return [...sums]
    .map(([name, { nano, attempts }]) => ({ name, nano, attempts, percent: (100 * nano) / whole }))
    .sort((a, b) => b.nano - a.nano || b.attempts - a.attempts);
}

export interface Refusal {
  call: ModelCall;
  kind: 'budget' | 'provider';
  why: string;
}

const UNPAID = /was not paid for: (.*)$/;

/**
 * Calls that were not what was wanted: a cheaper model answered because a dearer one was not paid for, or the
 * provider would not take the question, which costs nothing.
 */
export function refusals(calls: readonly ModelCall[]): Refusal[] {
  return calls.flatMap((call): Refusal[] => {
    const unpaid = UNPAID.exec(call.reason);
    if (unpaid) return [{ call, kind: 'budget', why: unpaid[1] ?? call.reason }];
    if (call.state === 'released' && call.error) return [{ call, kind: 'provider', why: call.error }];
    return [];
  });
}
