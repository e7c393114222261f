/** The stand-in's state: topics with histories, posts, feeds, health, runs and reports. */
import { charts } from './charts.mjs';
import { chatter, stories } from './texts.mjs';

const MINUTE = 60_000;
const HISTORY = 360;

const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const wave = (i, seed) => Math.sin(i / 7 + seed) * 0.12 + Math.sin(i * 1.7 + seed * 3) * 0.1 + Math.sin(i * 5.3 + seed) * 0.07;

export class World {
  constructor({ calm = false, listening = false, many = false, meaningless = false, away = false, bare = false, fresh = false, token, rate = 14 } = {}) {
    Object.assign(this, { calm, listening, many, meaningless, away, bare, fresh, token, rate });
    this.started = Date.now();
    this.sequence = 0;
    this.posts = [];
    this.runs = [];
    this.reports = [];
    for (let i = 60; i > 0; i--) this.posts.unshift(this.makePost(this.started - i * 900));
    const drawn = this.makeReport(stories[0], 'report-charts', this.started - 90 * MINUTE);
    this.reports.push({ ...drawn, title: 'Analyst: How did talk of the power cut grow?', charts });
    if (!calm) this.reports.unshift(this.makeReport(stories[0], 'report-earlier', this.started - 38 * MINUTE, 'failed'));
  }

  /** Minute values of one story, oldest first; null inside the gap. */
  values(story, minutes) {
    const now = Math.floor(Date.now() / MINUTE);
    const seed = stories.indexOf(story);
    return Array.from({ length: minutes }, (_, k) => {
      const age = minutes - 1 - k;
      if (this.inGap(age)) return null;
      const risen = age < story.onset ? Math.min(1, (story.onset - age) / 26) : 0;
      const level = story.usual + story.peak * risen;
      return Math.max(0, Math.round(level * (1 + wave(now - age, seed))));
    });
  }

  inGap(age) {
    return !this.calm && age >= 27 && age <= 31;
  }

  minutes(count) {
    const last = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;
    return Array.from({ length: count }, (_, k) => iso(last - (count - 1 - k) * MINUTE));
  }

  gaps() {
    if (this.calm) return [];
    const last = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;
    return [{ id: 'gap-1', feed: 'jetstream', start: iso(last - 31 * MINUTE), end: iso(last - 26 * MINUTE), cause: 'server closed the stream' }];
  }

  topic(story) {
    const spark = this.values(story, 60);
    const known = spark.filter((value) => value !== null);
    const hour = known.reduce((sum, value) => sum + value, 0);
    const usual = story.usual * known.length;
    const ratio = hour / Math.max(1, usual);
    const people = Math.round(hour * 0.78);
    return {
      id: story.id,
      label: story.label,
      terms: story.terms,
      status: story.status,
      score: ratio * Math.log(hour + 1),
      posts_hour: hour,
      authors_hour: people,
      usual_hour: usual,
      ratio,
      provisional: story.provisional,
      began_at: iso(this.started - story.onset * MINUTE),
      detected_at: iso(this.started - (story.onset - 3) * MINUTE),
      updated_at: iso(Date.now()),
      languages: story.languages,
      why: `${people.toLocaleString('en')} people wrote ${hour.toLocaleString('en')} posts with "${story.terms[0]}" in the last hour; ${usual.toLocaleString('en')} are usual at this time of day.`,
      peak_at: iso(Date.now()),
      peak_posts: Math.round(hour / 6),
      decay: 0,
      spark,
    };
  }

  topics() {
    if (this.listening) return [];
    return stories.map((story) => this.topic(story)).sort((a, b) => b.score - a.score);
  }

  topicList() {
    return {
      topics: this.topics(),
      as_of: iso(Date.now() - 2000),
      baseline_minutes: this.listening ? 21 : 190,
      warmup_minutes: 60,
    };
  }

  momentum(minutes, limit) {
    const topics = this.topics().slice(0, limit);
    const count = Math.min(HISTORY, minutes);
    const values = topics.map((topic) => this.values(stories.find((story) => story.id === topic.id), count));
    return { minutes: this.minutes(count), topics, values, gaps: this.gaps(), as_of: iso(Date.now() - 2000) };
  }

  detail(id) {
    const story = stories.find((candidate) => candidate.id === id);
    if (!story) return null;
    const minutes = this.minutes(180);
    const values = this.values(story, 180);
    return {
      topic: this.topic(story),
      series: minutes.map((start, i) => ({
        start,
        posts: values[i],
        authors: values[i] === null ? null : Math.round(values[i] * 0.8),
        usual: story.usual * (1 + Math.sin(i / 60) * 0.08),
      })),
      gaps: this.gaps(),
      posts: story.posts.map((text, i) => this.makePost(this.started - (story.onset - i * 6) * MINUTE, text)),
      related: this.topics().filter((topic) => topic.id !== id).slice(0, 3),
    };
  }

  people(id) {
    const story = stories.find((candidate) => candidate.id === id);
    if (!story) return null;
    const most_active = Array.from({ length: 6 }, (_, i) => ({
      author: `did:plc:${(9173 * (i + 3)).toString(36)}kq2m7${i}`, posts: 14 - 2 * i, reactions: (i * 31) % 90,
      first: iso(this.started - (story.onset - i) * MINUTE), last: iso(this.started - i * MINUTE),
    }));
    return { topic: id, looked_at: 1000, people: 812, most_active };
  }

  makePost(time, given) {
    const n = this.sequence++;
    const story = stories[n % 3 === 0 ? 0 : n % stories.length];
    const pool = n % 5 < 2 ? story.posts : chatter;
    const [language, text, link] = given ?? pool[(n * 7) % pool.length];
    const account = `did:plc:${((n * 2654435761) >>> 0).toString(36)}${(n * 40503 + 7).toString(36)}kq2m`;
    return {
      id: `p${n}`,
      feed: n % 6 === 0 ? 'nostr' : 'jetstream',
      uri: `at://${account}/post/${n}`,
      url: `https://social.example.org/profile/${account}/post/${n}`,
      author: account,
      time: iso(time),
      claimed_time: null,
      text,
      languages: [language],
      tags: [],
      links: link ? [link] : [],
      reply_to: null,
      likes: n % 4 === 0 ? (n * 13) % 90 : 0,
      reposts: n % 9,
    };
  }

  feeds() {
    const now = Date.now();
    const feed = (id, kind, status, lag, rate, reason = null) => ({
      id, kind, status, reason, rate, enabled: true, lag_seconds: lag,
      url: `wss://${id}.example.org/subscribe`,
      since: iso(this.started - 3 * 3600_000),
      reported_at: iso(now),
      last_event_time: iso(now - (lag ?? 400) * 1000),
      behind_seconds: null, catch_up_seconds: null, managed: id === 'nostr' ? 'operator' : 'settings', backfill_minutes: 60, options: {},
      queue_events: null, queue_bytes: null, created_at: iso(this.started - 3 * 3600_000), events: 4_120_331, posts: 1_204_118, deletes: 8_201, quarantined: 12,
    });
    const second = this.calm
      ? feed('nostr', 'nostr', 'live', 2.1, 6.4)
      : feed('nostr', 'nostr', 'stalled', 412, 0, 'no event for 6 minutes; the connection is open');
    const more = this.many
      ? [...Array.from({ length: 8 }, (_, i) => feed(`relay-${i + 1}`, 'nostr', 'live', 1.5 + i, 3 + i)), feed('sealed-east', 'sealed', 'unreachable', 900, 0, 'Connection refused.'),
        feed('jetstream-west', 'jetstream', 'catching_up', 4000, 900)]
      : [];
    return [feed('jetstream', 'jetstream', 'live', 0.8 + (now % 5000) / 9000, this.rate * 10), second, ...more];
  }

  feedSeries(id, minutes) {
    const count = this.listening ? Math.min(21, minutes) : minutes;
    const seed = id.length;
    const level = id === 'nostr' ? 380 : 2100;
    const points = this.minutes(count).map((start, i) => ({
      start, likes: 0, reposts: 0, deletes: 0, posts: Math.round(level * (1 + wave(i + Date.now() / MINUTE, seed) / 2)),
    }));
    return { feed: id, minutes: points, gaps: this.gaps() };
  }

  feedKinds() {
    const kind = (name, title, example, options = []) => ({ kind: name, title, schemes: ['wss'], example, options });
    return { most_feeds: 8, kinds: [
      kind('jetstream', 'Bluesky Jetstream', 'wss://jetstream2.us-east.bsky.network/subscribe'),
      kind('nostr', 'Nostr relay', 'wss://relay.example.org', [{ name: 'key_file', type: 'string', doc: 'File that holds the secret key, for relays that ask who reads.', default: null, choices: [], required: false }]),
    ] };
  }

  feedDrops(feed) {
    const ended = this.started - 31 * MINUTE;
    const drop = (id, cause, code, detail, ago, away) => ({ id, feed, cause, code, detail, held_seconds: 0, idle_seconds: 0.4, event_time: iso(ended - ago), connected_at: iso(ended - ago - 7200_000),
      ended_at: iso(ended - ago), reconnected_at: iso(ended - ago + away), lasted_seconds: 7200, away_seconds: away / 1000, attempts: 2 });
    return { feed, drops: this.calm ? [] : [drop('1', 'network', 1006, 'Connection to remote host was lost.', 0, 300_000), drop('2', 'restart', 1001, 'going away', 5 * 3600_000, 4000)], next: null };
  }

  feedGaps(feed) {
    return { feed, gaps: this.gaps().map((gap) => ({ ...gap, cause: 'clamped', seconds: 300, found_at: gap.end, evidence: {} })), next: null };
  }

  feedList() {
    return { feeds: this.feeds(), gaps: this.gaps() };
  }

  health() {
    const since = iso(this.started - 47 * MINUTE);
    const part = (name, title, state = 'ok', reason = null, effect = null, help = null) => ({ name, title, state, reason, effect, do: help, since });
    const index = this.calm
      ? part('index', 'Vector index')
      : part('index', 'Vector index', 'degraded', 'Qdrant refuses connections on 127.0.0.1:6333', 'Search finds posts by their words only.', 'Start Qdrant; the missing vectors are filled in by themselves.');
    const embedder = this.meaningless
      ? part('api.embedder', 'Embedding model for search', 'off', 'turned off', 'Search finds words only, not meaning.', 'See the reason; set GROUNDSWELL_EMBEDDING_MODEL=auto to try again.')
      : part('api.embedder', 'Embedding model for search');
    return {
      state: index.state,
      components: [
        part('store', 'PostgreSQL'), part('broker', 'Valkey'), part('relay', 'Relay'),
        this.away ? part('worker', 'Worker', 'down', 'No word for 20 s.', 'Briefings wait and old posts are not cleared away.', 'Start the worker, or look at its log.') : part('worker', 'Worker'),
        embedder, index, part('render', 'PDF renderer'),
        this.calm ? part('worker.llm', 'Language models') : part('worker.llm', 'Language models', 'off', 'no key and no local model'),
      ],
      figures: {
        posts_stored: 1_204_118 + this.sequence, vectors_stored: 1_203_020, vectors_pending: this.calm ? 41 : 1_098,
        events_per_second: 141, clock_drift_seconds: 0.02, spend_nano_usd: 3_420_000_000, budget_nano_usd: 8_000_000_000,
      },
      version: '0.1.0',
      now: iso(Date.now()),
    };
  }

  makeReport(story, id, time, pdf = 'ready') {
    const quoted = story.posts.map((text) => this.makePost(time - 20 * MINUTE, text));
    return {
      id, run: `run-${id}`, topic: story.id, pdf,
      title: `${story.label}: what happened in the last hour`,
      summary: `Posts about ${story.label.toLowerCase()} rose to 3.8 times the usual volume [1], first in Portuguese and then in five languages.`,
      sections: [
        { heading: 'What happened', paragraphs: ['Residents of Benfica report no electricity for forty minutes and traffic lights that are out [1]. Power came back in Alvalade first while trams stood still; the operator names a line that tripped at 14:02 [2].', 'The metro stopped on all lines [3].'] },
        { heading: 'How fast', paragraphs: ['From 11 posts a minute to 57 within 26 minutes. Five minutes of the feed could not be read back and are left out of every count.'] },
        { heading: 'What to be careful about', paragraphs: ['A clip of an exploding substation is older and from elsewhere, as several people point out [4].'] },
      ],
      citations: quoted.map((post, i) => ({ number: i + 1, post: post.id, author: post.author, time: post.time, url: post.url, text: post.text, languages: post.languages })),
      charts: [],
      writer: 'extractive',
      created_at: iso(time),
      range_start: iso(time - 60 * MINUTE),
      range_end: iso(time),
      pdf_reason: pdf === 'failed' ? 'the renderer ran out of its 60 s' : null,
    };
  }
}

export { iso };
