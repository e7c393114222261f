/** What every page shares: the live stream, the feeds, the topics and the state of the parts. */
import { ask, client } from '../api/client';
import type { Feed, FeedList, Health, LiveMessage, Post, Run, TopicList } from '../api/types';
import { FeedBuffer } from '../core/buffer';
import { behindmost } from '../core/catchup';
import { batched } from '../core/frame';
import { LiveClient, type Connection, type Socket } from '../core/live';
import { RateWindow } from '../core/rate';
import { alerts } from './alerts.svelte';
import { approvals } from './approvals.svelte';
import { Resource } from './resource.svelte';

const POSTS_KEPT = 400;
const RUNS_KEPT = 50;
const LIST_INTERVAL_MS = 500;
const HEALTH_EVERY_MS = 10_000;
const LISTS_EVERY_MS = 60_000;

class Platform {
  readonly health = new Resource<Health>((signal) => ask(client.GET('/api/v1/health', { signal })));
  readonly feeds = new Resource<FeedList>((signal) => ask(client.GET('/api/v1/feeds', { signal })));
  readonly topics = new Resource<TopicList>((signal) => ask(client.GET('/api/v1/topics', { signal })));
  readonly posts = new FeedBuffer<Post>(POSTS_KEPT);

  connection: Connection = $state('connecting');
  retryAt: number | null = $state(null);
  heardAt: number | null = $state(null);
  missedAt: number | null = $state(null);
  /** The newest post before what the stream could not give again: the list marks the place above it. */
  missedAbove: string | null = $state(null);
  streamReason: string | null = $state(null);
  paused = $state(false);
  /** Counts up whenever the posts changed and a frame is free to draw them. */
  postsVersion = $state(0);
  /** Counts up with every momentum tick and every time that lists must be read again. */
  topicsVersion = $state(0);
  rate = $state.raw({ shown: 0, stored: 0 });
  runs: ReadonlyMap<string, Run> = $state.raw(new Map());

  private heard = 0;
  private readonly window = new RateWindow();
  private readonly list = batched(LIST_INTERVAL_MS, () => this.publish());
  private readonly live = new LiveClient(
    {
      message: (message) => this.receive(message),
      state: (state, retryAt) => this.changed(state, retryAt),
      missed: () => {
        this.missedAt = Date.now();
        this.missedAbove = this.posts.items[0]?.id ?? null;
        this.readAgain();
      },
    },
    { connect },
  );

  /** Opens the stream and reads the lists. Returns how to stop. */
  start(): () => void {
    this.readAgain();
    void this.fill();
    this.live.start();
    const timers = [
      setInterval(() => document.hidden || this.readState(), HEALTH_EVERY_MS),
      setInterval(() => document.hidden || this.readAgain(), LISTS_EVERY_MS),
      setInterval(() => this.list.mark(), 1000),
    ];
    const visible = (): void => {
      if (document.hidden) return;
      this.live.hurry();
      this.readAgain();
    };
    const online = (): void => this.live.hurry();
    document.addEventListener('visibilitychange', visible);
    addEventListener('online', online);
    return () => {
      timers.forEach(clearInterval);
      document.removeEventListener('visibilitychange', visible);
      removeEventListener('online', online);
      this.list.stop();
      this.live.stop();
    };
  }

  togglePause(): void {
    this.paused = !this.paused;
  }

  /** Feeds in a steady order. */
  get feedList(): readonly Feed[] {
    return this.feeds.data?.feeds ?? [];
  }

  /** True while every feed that is on still reads its past. */
  get catchingUp(): boolean {
    const on = this.feedList.filter((feed) => feed.enabled && feed.status !== 'ended');
    return on.length > 0 && on.every((feed) => feed.status === 'catching_up');
  }

  /** Seconds until the feed furthest behind has read its past; null while that cannot be told. */
  get catchUpLeft(): number | null {
    return behindmost(this.feedList)?.catch_up_seconds ?? null;
  }

  noteRun(run: Run): void {
    const runs = new Map(this.runs);
    const known = runs.get(run.id);
    if (known && Date.parse(known.updated_at) > Date.parse(run.updated_at)) return;
    runs.delete(run.id);
    runs.set(run.id, run);
    for (const id of runs.keys()) {
      if (runs.size <= RUNS_KEPT) break;
      runs.delete(id);
    }
    this.runs = runs;
  }

  /** What the stream does not tell. */
  private readState(): void {
    void this.health.refresh();
    void approvals.list.refresh();
  }

  private readAgain(): void {
    this.readState();
    void this.feeds.refresh();
    void this.topics.refresh();
    void alerts.page.refresh();
    this.topicsVersion++;
  }

  /** Gives the list something to show before the first live message comes. */
  private async fill(): Promise<void> {
    try {
      const page = await ask(client.GET('/api/v1/posts', { params: { query: { limit: 40 } } }));
      this.posts.add(page.posts.toReversed());
      this.list.mark();
    } catch {
      // The list says itself that it is empty; health and the notice say why.
    }
  }

  private changed(state: Connection, retryAt: number | null): void {
    const returned = state === 'live' && this.connection === 'offline';
    this.connection = state;
    this.retryAt = retryAt;
    if (returned) this.readAgain();
  }

  private receive(message: LiveMessage): void {
    this.heard = Date.now();
    this.heardAt ??= this.heard;
    switch (message.type) {
      case 'posts':
        this.window.add(this.heard, message.posts.length, message.total);
        this.posts.add(message.posts);
        break;
      case 'deleted':
        this.posts.remove(message.posts);
        break;
      case 'topics':
        this.takeTopics(message.topics, message.as_of);
        break;
      case 'feed':
        this.takeFeed(message.feed);
        break;
      case 'alert':
        alerts.take(message.alert, message.unread);
        break;
      case 'run':
        this.noteRun(message.run);
        break;
      case 'beat':
        this.streamReason = message.live === 'ok' ? null : (message.reason ?? 'No reason given');
        break;
    }
    this.list.mark();
  }

  private takeTopics(topics: TopicList['topics'], asOf: string): void {
    const known = this.topics.data;
    if (known) this.topics.data = { ...known, topics, as_of: asOf };
    this.topicsVersion++;
  }

  private takeFeed(feed: Feed): void {
    const known = this.feeds.data;
    if (!known) return;
    const others = known.feeds.some((candidate) => candidate.id === feed.id)
      ? known.feeds.map((candidate) => (candidate.id === feed.id ? feed : candidate))
      : [...known.feeds, feed];
    this.feeds.data = { ...known, feeds: others };
  }

  private publish(): void {
    if (this.heard) this.heardAt = this.heard;
    this.rate = this.window.read(Date.now());
    this.postsVersion++;
  }
}

function connect(after: string | null): Socket {
  const address = new URL('/api/v1/live', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  if (after !== null) address.searchParams.set('after', after);
  return new WebSocket(address) as Socket;
}

export const platform = new Platform();
