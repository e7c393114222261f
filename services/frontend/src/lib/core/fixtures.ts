/** Small true-to-contract values for tests. */
import type { Cluster, ClusterList, Component, Feed, Health, Topic, TopicList } from '../api/types';

export const T0 = Date.parse('2026-03-01T12:00:00Z');

/** The time `seconds` after T0 in the form the API uses. */
export function isoAt(seconds: number): string {
  return new Date(T0 + seconds * 1000).toISOString();
}

export function makeFeed(change: Partial<Feed> = {}): Feed {
  return {
    id: 'jetstream',
    kind: 'jetstream',
    url: 'wss://feed.example.org',
    enabled: true,
    status: 'live',
    reason: null,
    since: isoAt(-3600),
    reported_at: isoAt(0),
    last_event_time: isoAt(-1),
    lag_seconds: 1,
    rate: 40,
    events: 10,
    posts: 8,
    deletes: 1,
    quarantined: 0,
    behind_seconds: null,
    catch_up_seconds: null,
    managed: 'operator',
    backfill_minutes: 60,
    options: {},
    queue_events: null,
    queue_bytes: null,
    created_at: null,
    ...change,
  };
}

export function makePart(change: Partial<Component> = {}): Component {
  return { name: 'store', title: 'PostgreSQL', state: 'ok', reason: null, effect: null, do: null, since: isoAt(0), ...change };
}

export function makeHealth(components: Component[]): Health {
  const figures = {
    posts_stored: 1,
    vectors_stored: 1,
    vectors_pending: 0,
    events_per_second: 1,
    clock_drift_seconds: 0,
    hot_from: null,
    posts_archived: 0,
    archive_days: 0,
    archive_bytes: 0,
    spend_nano_usd: 0,
    budget_nano_usd: 0,
  };
  return { state: 'ok', components, figures, version: '0.1.0', now: isoAt(0) };
}

export function makeTopic(change: Partial<Topic> = {}): Topic {
  return {
    id: 'a',
    label: 'Power cut',
    terms: ['power'],
    status: 'rising',
    score: 3,
    posts_hour: 100,
    authors_hour: 80,
    usual_hour: 25,
    ratio: 4,
    provisional: false,
    began_at: isoAt(-1800),
    detected_at: isoAt(-1700),
    updated_at: isoAt(0),
    languages: ['en'],
    why: '80 people wrote about it.',
    peak_at: null,
    peak_posts: 0,
    decay: 0,
    spark: [],
    ...change,
  };
}

export function makeList(topics: Topic[], change: Partial<TopicList> = {}): TopicList {
  return { topics, as_of: isoAt(0), baseline_minutes: 180, warmup_minutes: 60, ...change };
}

export function makeCluster(change: Partial<Cluster> = {}): Cluster {
  return {
    id: 'c1',
    label: 'Lisbon · power cut',
    terms: ['lisbon', 'power cut'],
    posts: 40,
    people: 31,
    languages: [{ language: 'en', share: 1 }],
    trend: 'rising',
    recent: 30,
    earlier: 10,
    spark: [1, 2, 3],
    began_at: isoAt(-900),
    place: { x: 100, y: 100, radius: 50 },
    topic: null,
    examples: [],
    ...change,
  };
}

export function makeClusters(clusters: Cluster[], change: Partial<ClusterList> = {}): ClusterList {
  return {
    clusters,
    as_of: isoAt(0),
    window_minutes: 60,
    posts: 200,
    sampled: 200,
    compared: 200,
    scattered: 150,
    width: 1000,
    height: 640,
    state: 'ok',
    reason: null,
    do: null,
    ...change,
  };
}
