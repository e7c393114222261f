import { describe, expect, it } from 'vitest';
import { makeTopic } from './fixtures';
import { against, againstShort, isNew, usual } from './usual';

describe('against usual', () => {
  it('calls a topic new when fewer than one post an hour is usual, with its count', () => {
    const topic = makeTopic({ usual_hour: 0.2, posts_hour: 1511, ratio: 1511 });
    expect(isNew(topic)).toBe(true);
    expect(against(topic)).toBe('new');
    expect(againstShort(topic)).toBe('new, 1,511');
    expect(usual(topic)).toBe('under 1');
  });

  it('shows a multiplier once one post an hour is usual', () => {
    const topic = makeTopic({ usual_hour: 1, posts_hour: 4, ratio: 4 });
    expect(isNew(topic)).toBe(false);
    expect(against(topic)).toBe('4.0×');
    expect(againstShort(topic)).toBe('4.0×');
    expect(usual(topic)).toBe('1');
  });

  it('does not pretend to know a huge multiplier exactly', () => {
    const topic = makeTopic({ usual_hour: 2.8, posts_hour: 1130, ratio: 403.84 });
    expect(against(topic)).toBe('>100×');
    expect(usual(topic)).toBe('2.8');
  });
});
