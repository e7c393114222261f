/** When a value may still be called current. */
import type { Feed, FeedStatus } from '../api/types';
import type { Connection } from './live';

/** A feed whose report is older than this is not known to be in the state it last told. */
export const REPORT_LIMIT_MS = 30_000;

/** The shape and word of a feed; `unknown` when we cannot hear of it any more. */
export type FeedSign = FeedStatus | 'unknown';

export function feedSign(feed: Feed, connection: Connection, now: number): FeedSign {
  if (!feed.enabled || feed.status === 'paused' || feed.status === 'ended') return feed.status;
  if (connection === 'offline') return 'unknown';
  return now - Date.parse(feed.reported_at) > REPORT_LIMIT_MS * 2 ? 'unknown' : feed.status;
}

/** Values on screen are stale once nothing was heard for the silence limit. */
export function isStale(connection: Connection, heardAt: number | null, now: number): boolean {
  if (connection === 'offline' || connection === 'late') return true;
  return heardAt !== null && now - heardAt > REPORT_LIMIT_MS;
}

/** What wants a look comes first: dead, ended, behind, then all that is well. */
const URGENCY: readonly FeedSign[] = [
  'failed',
  'unreachable',
  'unknown',
  'stalled',
  'ended',
  'catching_up',
  'starting',
  'live',
  'removing',
  'paused',
];

/** `feeds` with their signs, the most urgent first; a recording's end is no news. */
export function byUrgency(feeds: readonly Feed[], connection: Connection, now: number): { feed: Feed; sign: FeedSign }[] {
  const urgency = (feed: Feed, sign: FeedSign): number =>
    sign === 'ended' && feed.managed === 'replay' ? URGENCY.length : URGENCY.indexOf(sign);
  return feeds
    .map((feed) => ({ feed, sign: feedSign(feed, connection, now) }))
    .sort((a, b) => urgency(a.feed, a.sign) - urgency(b.feed, b.sign));
}
