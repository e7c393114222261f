import { describe, expect, it } from 'vitest';
import { isoAt, makeFeed, makeHealth, makePart, T0 } from './fixtures';
import { notice, type Situation } from './notice';

const well: Situation = {
  connection: 'live',
  heardAt: T0,
  retryAt: null,
  missedAt: null,
  health: makeHealth([makePart()]),
  healthFailed: false,
  feeds: [makeFeed()],
  streamReason: null,
  now: T0,
};
const degraded = makePart({
  title: 'Vector index',
  state: 'degraded',
  effect: 'Search finds words only',
  reason: 'connection refused',
});

describe('notice', () => {
  it('is quiet when all is well, and names what is switched off', () => {
    expect(notice(well)).toMatchObject({ tone: 'quiet', title: 'All parts are working.', text: '' });
    const off = makeHealth([makePart({ title: 'Language models', state: 'off' })]);
    expect(notice({ ...well, health: off }).text).toBe('Switched off: Language models.');
  });

  it('puts the lost connection first, with the age of the numbers and the next try', () => {
    const said = notice({
      ...well,
      connection: 'offline',
      heardAt: T0 - 40_000,
      retryAt: T0 + 4000,
      health: makeHealth([degraded]),
    });
    expect(said).toEqual({
      tone: 'bad',
      title: 'Offline, reconnecting.',
      text: 'Numbers are from 40 s ago. Next try in 4 s.',
    });
  });

  it('says the effect before the cause, the worst part first, and how many more', () => {
    const down = makePart({ title: 'Worker', state: 'down', effect: 'Briefings wait.', reason: 'stopped' });
    expect(notice({ ...well, health: makeHealth([degraded, down]) })).toEqual({
      tone: 'bad',
      title: 'Worker is down.',
      text: 'Briefings wait. stopped. 1 more in the status panel.',
    });
  });

  it('tells of a stalled feed, but not of one that is switched off', () => {
    const feed = makeFeed({ status: 'stalled', reason: 'no event for 6 minutes', since: isoAt(-360) });
    expect(notice({ ...well, feeds: [feed] }).text).toBe('no event for 6 minutes. Since 6 min ago.');
    expect(notice({ ...well, feeds: [{ ...feed, enabled: false }] }).tone).toBe('quiet');
  });

  it('mentions missed posts for a minute', () => {
    expect(notice({ ...well, missedAt: T0 - 5000 }).title).toBe('Some live posts were missed.');
    expect(notice({ ...well, missedAt: T0 - 61_000 }).tone).toBe('quiet');
  });

  it('does not claim that all is well when the health check fails', () => {
    expect(notice({ ...well, healthFailed: true }).title).toBe('State unknown.');
  });
});
