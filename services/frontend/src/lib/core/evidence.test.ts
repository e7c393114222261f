import { describe, expect, it } from 'vitest';
import { moments, reasons } from './evidence';
import { makeTopic } from './fixtures';

describe('why a topic is here', () => {
  it('gives its figures, and says when what is usual is not sure yet', () => {
    const shown = makeTopic({ ratio: 3.8, posts_hour: 400, authors_hour: 200, usual_hour: 105.2, terms: ['a', 'b'], provisional: true });
    const said = reasons(shown, { baseline_minutes: 20, warmup_minutes: 60 });
    expect(said[0]).toContain('3.8×');
    expect(said[0]).toContain('105 expected');
    expect(said[1]).toContain('2.0 posts each');
    expect(said.at(-1)).toContain('20 minutes only');
    expect(reasons(makeTopic({ provisional: false }), { baseline_minutes: 20, warmup_minutes: 60 })).toHaveLength(3);
  });

  it('puts what happened in order, with the gaps that touch it and none from before', () => {
    const shown = makeTopic({
      began_at: '2026-11-01T10:00:00Z', detected_at: '2026-11-01T10:04:00Z', peak_at: '2026-11-01T10:30:00Z', peak_posts: 90, decay: 0.4,
    });
    const gap = (start: string, end: string) => ({ id: start, feed: 'nostr', start, end, cause: 'clamped' }) as never;
    const found = moments(shown, [
      gap('2026-11-01T08:00:00Z', '2026-11-01T08:10:00Z'),
      gap('2026-11-01T10:10:00Z', '2026-11-01T10:15:00Z'),
    ]);
    expect(found.map((one) => one.text)).toEqual([
      'Began to rise',
      'Noticed here',
      '5 minutes of nostr are missing and not counted',
      'Busiest ten minutes so far: 90 posts',
    ]);
  });
});
