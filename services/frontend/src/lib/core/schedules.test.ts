import { describe, expect, it } from 'vitest';
import { inZone, nextTime, ruleSentence, zoneName, zones } from './schedules';

describe('a schedule in words', () => {
  it.each([
    [[], 'Every day at 07:00'],
    [['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], 'Every day at 07:00'],
    [['mon', 'tue', 'wed', 'thu', 'fri'], 'Monday to Friday at 07:00'],
    [['mon'], 'Mondays at 07:00'],
    [['sun', 'mon', 'wed'], 'Mondays, Wednesdays and Sundays at 07:00'],
  ] as const)('%j', (weekdays, words) => {
    expect(ruleSentence({ at: '07:00', weekdays: [...weekdays] })).toBe(words);
  });
});

describe('its next time', () => {
  const due = '2026-12-01T06:00:00Z';

  it('is told in its zone, and in the reader’s where that is another clock', () => {
    const now = Date.parse('2026-12-01T03:00:00Z');
    expect(nextTime(due, 'Europe/Berlin', 'America/New_York', now)).toEqual({ there: 'Tue 1 Dec 07:00', here: 'Tue 1 Dec 01:00', away: 'in 3 h' });
    expect(nextTime(due, 'Europe/Berlin', 'Europe/Rome', now).here).toBeNull();
    expect(nextTime(due, 'UTC', 'UTC', Date.parse(due)).away).toBe('any moment');
  });

  it('is told in UTC, and says so, where the browser does not know the zone', () => {
    expect(inZone(due, 'Mars/Olympus')).toBe('Tue 1 Dec 06:00 UTC');
  });

  it('follows the clocks when they change', () => {
    expect(inZone('2026-03-28T06:00:00Z', 'Europe/Berlin')).toContain('07:00');
    expect(inZone('2026-03-30T05:00:00Z', 'Europe/Berlin')).toContain('07:00');
  });

  it('names the place', () => {
    expect(zoneName('America/New_York')).toBe('New York');
    expect(zoneName('UTC')).toBe('UTC');
    expect(zones()).toContain('UTC');
    expect(zones()).toContain('Europe/Berlin');
  });
});
