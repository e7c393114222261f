/** Which feeds a chart draws when there are more than it has lines for. */
import type { Feed } from '../api/types';
import type { Column } from './series';

/** `alone` get a line each, `together` are summed in one more, so that nothing is left out without a word. */
export interface Drawn {
  alone: Feed[];
  together: Feed[];
}

/** At most `most` of `feeds` in their order: first those that are read and have posts, then others with posts. */
export function drawn(feeds: readonly Feed[], most: number): Drawn {
  const worth = (feed: Feed): number =>
    (feed.posts > 0 ? 2 : 0) + (feed.enabled && feed.status !== 'ended' ? 1 : 0);
  const chosen = new Set([...feeds].sort((a, b) => worth(b) - worth(a)).slice(0, most));
  return {
    alone: feeds.filter((feed) => chosen.has(feed)),
    together: feeds.filter((feed) => !chosen.has(feed) && feed.posts > 0),
  };
}

/** Adds up columns. Where one has a hole within its own time the sum is unknown, not smaller. */
export function sum(columns: readonly Column[]): Column {
  const spans = columns.map((column) => ({
    column,
    first: column.findIndex((value) => value !== null),
    last: column.findLastIndex((value) => value !== null),
  }));
  return Array.from({ length: columns[0]?.length ?? 0 }, (_, i) => {
    const there = spans.filter(({ first, last }) => first >= 0 && i >= first && i <= last);
    return there.reduce<number | null>((total, { column }) => {
      const value = column[i] ?? null;
      return total === null || value === null ? null : total + value;
    }, there.length ? 0 : null);
  });
}
