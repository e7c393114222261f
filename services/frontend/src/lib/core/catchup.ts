/** Which feed is furthest behind. How long it still takes is measured by the relay. */
import type { Feed } from '../api/types';

/** The enabled feed that is furthest behind among those that still read their past. */
export function behindmost(feeds: readonly Feed[]): Feed | null {
  const catching = feeds.filter((feed) => feed.enabled && feed.status === 'catching_up');
  return catching.reduce<Feed | null>((worst, feed) => ((feed.lag_seconds ?? 0) > (worst?.lag_seconds ?? -1) ? feed : worst), null);
}
