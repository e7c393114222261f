/** Schedules in words: the rule, and its next time in the schedule's zone and in the reader's. */
import type { Schedule, Weekday } from '../api/types';
import { duration } from './format';

export const WEEKDAYS: readonly [Weekday, string][] = [
  ['mon', 'Monday'],
  ['tue', 'Tuesday'],
  ['wed', 'Wednesday'],
  ['thu', 'Thursday'],
  ['fri', 'Friday'],
  ['sat', 'Saturday'],
  ['sun', 'Sunday'],
];

const WORKDAYS = 'mon,tue,wed,thu,fri';

/** `Every day at 07:00`, `Mondays at 08:00`, `Monday to Friday at 06:30`. */
export function ruleSentence({ at, weekdays }: Pick<Schedule, 'at' | 'weekdays'>): string {
  const days = WEEKDAYS.filter(([day]) => weekdays.includes(day));
  if (days.length === 0 || days.length === 7) return `Every day at ${at}`;
  if (days.map(([day]) => day).join() === WORKDAYS) return `Monday to Friday at ${at}`;
  const names = days.map(([, name]) => `${name}s`);
  const last = names.pop() ?? '';
  return `${names.length ? `${names.join(', ')} and ` : ''}${last} at ${at}`;
}

/** Day and time of day in `zone`; in UTC, which it then says, where this browser does not know the zone. */
export function inZone(iso: string, zone: string): string {
  const format = (timeZone: string): string =>
    new Intl.DateTimeFormat('en-GB', {
      weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZone,
    }).format(new Date(iso)).replace(/,/g, '');
  try {
    return format(zone);
  } catch {
    return `${format('UTC')} UTC`;
  }
}

/** `Berlin` for `Europe/Berlin`, for a place where the full name stands nearby. */
export function zoneName(zone: string): string {
  return (zone.split('/').at(-1) ?? zone).replaceAll('_', ' ');
}

export interface NextTime {
  there: string;
  /** In the reader's zone; null where that is the same clock. */
  here: string | null;
  away: string;
}

export function nextTime(due: string, zone: string, reader: string, now: number): NextTime {
  const [there, here] = [inZone(due, zone), inZone(due, reader)];
  const seconds = (Date.parse(due) - now) / 1000;
  return { there, here: here === there ? null : here, away: seconds < 60 ? 'any moment' : `in ${duration(seconds)}` };
}

export function readerZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** What a person may choose from; the server knows whether it knows the zone too. */
export function zones(): string[] {
  const known = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return known.includes('UTC') ? known : ['UTC', ...known];
}
