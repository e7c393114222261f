import { describe, expect, it } from 'vitest';
import { makeFeed, T0 } from './fixtures';
import { byUrgency, feedSign, isStale } from './stale';

describe('feedSign', () => {
  it('is what the relay reported while reports are fresh', () => {
    expect(feedSign(makeFeed({ status: 'stalled' }), 'live', T0 + 10_000)).toBe('stalled');
  });

  it('is unknown when we are offline or reports stopped', () => {
    expect(feedSign(makeFeed(), 'offline', T0)).toBe('unknown');
    expect(feedSign(makeFeed(), 'live', T0 + 120_000)).toBe('unknown');
  });

  it('stays paused or ended without reports', () => {
    expect(feedSign(makeFeed({ status: 'paused' }), 'offline', T0 + 120_000)).toBe('paused');
    expect(feedSign(makeFeed({ status: 'ended' }), 'live', T0 + 120_000)).toBe('ended');
  });
});

describe('isStale', () => {
  it('marks values once nothing was heard for long, or the stream is broken', () => {
    expect(isStale('live', T0, T0 + 5000)).toBe(false);
    expect(isStale('live', T0, T0 + 31_000)).toBe(true);
    expect(isStale('offline', T0, T0)).toBe(true);
    expect(isStale('late', T0, T0)).toBe(true);
    expect(isStale('connecting', null, T0)).toBe(false);
  });
});

describe('byUrgency', () => {
  it('puts what is dead, ended or behind first and leaves the rest in its order', () => {
    const feeds = [
      makeFeed({ id: 'b' }),
      makeFeed({ id: 'paused', enabled: false, status: 'paused' }),
      makeFeed({ id: 'recording', managed: 'replay', status: 'ended' }),
      makeFeed({ id: 'a' }),
      makeFeed({ id: 'behind', status: 'catching_up' }),
      makeFeed({ id: 'over', status: 'ended' }),
      makeFeed({ id: 'dead', status: 'unreachable' }),
    ];
    const ids = byUrgency(feeds, 'live', T0).map(({ feed }) => feed.id);
    expect(ids).toEqual(['dead', 'over', 'behind', 'b', 'a', 'paused', 'recording']);
  });
});
