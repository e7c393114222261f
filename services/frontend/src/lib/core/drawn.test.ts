import { describe, expect, it } from 'vitest';
import { drawn } from './drawn';
import { makeFeed } from './fixtures';

describe('drawn', () => {
  const dead = makeFeed({ id: 'dead', status: 'unreachable', posts: 0 });
  const ended = makeFeed({ id: 'ended', status: 'ended', posts: 5 });
  const paused = makeFeed({ id: 'paused', enabled: false, status: 'paused', posts: 5 });
  const live = makeFeed({ id: 'live', posts: 5 });

  it('prefers feeds that are read and have posts, and keeps their order', () => {
    expect(drawn([dead, ended, paused, live], 2).map((feed) => feed.id)).toEqual(['ended', 'live']);
    expect(drawn([dead, live], 1)).toEqual([live]);
  });

  it('draws all when there is room', () => {
    expect(drawn([dead, ended, paused, live], 5)).toEqual([dead, ended, paused, live]);
  });
});
