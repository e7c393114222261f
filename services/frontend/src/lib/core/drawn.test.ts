import { describe, expect, it } from 'vitest';
import { drawn, sum } from './drawn';
import { makeFeed } from './fixtures';

describe('drawn', () => {
  const dead = makeFeed({ id: 'dead', status: 'unreachable', posts: 0 });
  const ended = makeFeed({ id: 'ended', status: 'ended', posts: 5 });
  const paused = makeFeed({ id: 'paused', enabled: false, status: 'paused', posts: 5 });
  const live = makeFeed({ id: 'live', posts: 5 });

  it('prefers feeds that are read and have posts, keeps their order, and puts the others with posts together', () => {
    expect(drawn([dead, ended, paused, live], 2)).toEqual({ alone: [ended, live], together: [paused] });
    expect(drawn([dead, live], 1)).toEqual({ alone: [live], together: [] });
  });

  it('draws all when there is room', () => {
    expect(drawn([dead, ended, paused, live], 5)).toEqual({ alone: [dead, ended, paused, live], together: [] });
  });
});

describe('sum', () => {
  it('adds what is there and knows nothing where one of them has a hole', () => {
    expect(sum([[1, 2, null, 4, 5, null], [null, 10, 10, 10, null, null], [null, null, null, null, null, null]])).toEqual([1, 12, null, 14, 5, null]);
    expect(sum([])).toEqual([]);
  });
});
