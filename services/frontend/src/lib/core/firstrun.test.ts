import { describe, expect, it } from 'vitest';
import { nextHint, type Progress } from './firstrun';

const done: Progress = { feeds: 1, posts: 10, topics: 2, watches: 1, reports: 1, topic: { id: 'a/b', label: 'A' } };

describe('the first run', () => {
  it('says one thing at a time, in the order in which they can be done', () => {
    const hints = [{ feeds: 0 }, { topics: 0 }, { reports: 0, watches: 0 }, { watches: 0 }].map((less) => nextHint({ ...done, ...less }, []));
    expect(hints.map((hint) => [hint?.id, hint?.step])).toEqual([
      ['feed', 1],
      ['search', 2],
      ['briefing', 3],
      ['watch', 4],
    ]);
    expect(hints[2]?.href).toBe('/topics/a%2Fb');
  });

  it('is silent when all is done, while it waits for posts, and about what was dismissed', () => {
    expect(nextHint(done, [])).toBeNull();
    expect(nextHint({ ...done, posts: 0, topics: 0 }, [])).toBeNull();
    expect(nextHint({ ...done, feeds: 0 }, ['feed'])).toBeNull();
    expect(nextHint({ ...done, watches: 0 }, ['all'])).toBeNull();
  });
});
