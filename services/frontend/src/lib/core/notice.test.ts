import { describe, expect, it } from 'vitest';
import { isoAt, makeFeed, makeHealth, makePart, T0 } from './fixtures';
import { notice, type Situation } from './notice';

const well: Situation = {
  connection: 'live',
  heardAt: T0,
  retryAt: null,
  missedAt: null,
  health: makeHealth([makePart()]),
  healthProblem: null,
  feeds: [makeFeed()],
  catchUpLeft: null,
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
      text: 'Briefings wait. Stopped. 1 more in the status panel.',
    });
  });

  it('tells of a stalled feed, but not of one that is switched off', () => {
    const feed = makeFeed({ status: 'stalled', reason: 'no event for 6 minutes', since: isoAt(-360) });
    expect(notice({ ...well, feeds: [feed] }).text).toBe(
      'No new posts of it for 6 min. No event for 6 minutes. It reconnects by itself.',
    );
    expect(notice({ ...well, feeds: [{ ...feed, enabled: false }] }).tone).toBe('quiet');
  });

  it('takes a feed lost a moment ago calmly, and one lost for longer seriously', () => {
    const lost = makeFeed({ status: 'unreachable', reason: 'ping timeout', since: isoAt(-5) });
    const part = makePart({ name: 'feed.jetstream', title: 'Feed jetstream', state: 'down' });
    const seen = { ...well, feeds: [lost], health: makeHealth([part]) };
    expect(notice(seen)).toMatchObject({ tone: 'warn', title: 'Reconnecting to jetstream.', text: 'Ping timeout.' });
    expect(notice({ ...seen, now: T0 + 30_000 })).toMatchObject({
      tone: 'bad',
      title: 'The feed jetstream is unreachable.',
    });
  });

  it('says what is wrong with a feed that failed', () => {
    const failed = makeFeed({ id: 'nostr', status: 'failed', reason: 'There is no option `colour`. It is tried again in 4 s.' });
    expect(notice({ ...well, feeds: [makeFeed(), failed] })).toEqual({
      tone: 'bad',
      title: 'The feed nostr has failed.',
      text: 'There is no option `colour`. It is tried again in 4 s.',
    });
  });

  it('reading the past is no alarm: it says how far behind and how long it takes', () => {
    const feed = makeFeed({ status: 'catching_up', lag_seconds: 1380, rate: 2500 });
    const part = makePart({ name: 'feed.jetstream', state: 'degraded' });
    const seen = { ...well, feeds: [feed], catchUpLeft: 25.4, health: makeHealth([part, degraded]) };
    expect(notice(seen)).toEqual({
      tone: 'quiet',
      title: 'Catching up with jetstream.',
      text:
        '23 min behind, about 25 s to go, at 2,500 events a second. Posts count in the minute they were written. ' +
        '1 more in the status panel.',
    });
  });

  it('owns up to posts that search by meaning cannot know yet', () => {
    const health = makeHealth([makePart()]);
    health.figures = { ...health.figures, posts_stored: 62_500, vectors_stored: 9_200, vectors_pending: 53_300 };
    expect(notice({ ...well, health }).text).toBe('Search by meaning knows 9.2K of 62.5K posts so far.');
    health.figures = { ...health.figures, vectors_stored: null };
    expect(notice({ ...well, health }).text).toBe('');
  });

  it('mentions missed posts for a minute', () => {
    expect(notice({ ...well, missedAt: T0 - 5000 }).title).toBe('Some live posts were missed.');
    expect(notice({ ...well, missedAt: T0 - 61_000 }).tone).toBe('quiet');
  });

  it('does not claim that all is well when the health check fails', () => {
    const healthProblem = { status: 503, what: 'PostgreSQL did not answer.', why: 'It is away', do: '', request: '' };
    expect(notice({ ...well, healthProblem })).toEqual({
      tone: 'bad',
      title: 'State unknown, numbers may be old.',
      text: 'PostgreSQL did not answer. It is away. Asking again by itself.',
    });
  });
});
