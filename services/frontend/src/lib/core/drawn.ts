/** Which feeds a chart draws when there are more than it has lines for. */
import type { Feed } from '../api/types';

/** At most `most` of `feeds` in their order: first those that are read and have posts, then others with posts. */
export function drawn(feeds: readonly Feed[], most: number): Feed[] {
  const worth = (feed: Feed): number =>
    (feed.posts > 0 ? 2 : 0) + (feed.enabled && feed.status !== 'ended' ? 1 : 0);
  const chosen = new Set([...feeds].sort((a, b) => worth(b) - worth(a)).slice(0, most));
  return feeds.filter((feed) => chosen.has(feed));
}
