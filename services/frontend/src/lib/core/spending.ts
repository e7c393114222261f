/** What language models cost, ready to draw. */
import type { ModelCall, ModelDays, Spending } from '../api/types';
import { usd } from './format';

/** Parts of the month's limit, in percent of it: what is spent, and what is set aside for calls under way. */
export interface Used {
  spent: number;
  underWay: number;
  sentence: string;
}

/** `null` where nothing was asked this month that costs anything. */
export function used(spending: Spending): Used | null {
  const month = spending.month;
  if (!month) return null;
  const whole = Math.max(month.cap_nano_usd, 1);
  const open = month.committed_nano_usd - month.spent_nano_usd;
  const part = (nano: number): number => Math.min(100, (100 * nano) / whole);
  const aside = open > 0 ? ` ${usd(open)} more is set aside for calls that are under way.` : '';
  return {
    spent: part(month.spent_nano_usd),
    underWay: Math.min(part(open), 100 - part(month.spent_nano_usd)),
    sentence: `${usd(month.spent_nano_usd)} of ${usd(month.cap_nano_usd)} spent.${aside}`,
  };
}

/** `2026-11` as `November 2026`. */
export function monthName(month: string): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(Date.UTC(year, number - 1));
}

export interface Day {
  day: string;
  nano: number;
  attempts: number;
  answered: number;
  broke: number;
}

/** The last `count` days up to `today` (`2026-11-30`), oldest first, those without a call too. */
export function byDay(found: ModelDays['days'], today: string, count: number): Day[] {
  const last = Date.parse(`${today}T00:00:00Z`);
  const days = Array.from({ length: count }, (_, i) => new Date(last - (count - 1 - i) * 86_400_000).toISOString().slice(0, 10));
  return days.map((day) => {
    const of = found.filter((one) => one.day === day);
    const sum = (read: (one: ModelDays['days'][number]) => number): number => of.reduce((total, one) => total + read(one), 0);
    return {
      day,
      nano: sum((one) => one.cost_nano_usd),
      attempts: sum((one) => one.attempts),
      answered: sum((one) => one.answered),
      broke: sum((one) => one.broke_contract),
    };
  });
}

/** How a call stands, in words. */
export function standing(call: ModelCall): string {
  if (call.state === 'reserved') return 'about to be sent';
  if (call.state === 'dispatched') return 'under way';
  if (call.state === 'released') return 'cost nothing';
  if (call.error?.startsWith('contract:')) return 'its answer could not be used';
  return call.basis === 'bound' ? 'charged in full: its use was not told' : 'answered';
}
