/** The stand-in's watches, alerts, destinations and backtests. */
import { stories } from './texts.mjs';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

const rule = (any, change = {}) => ({
  words: { any, all: [], none: [] },
  meaning: null,
  authors: [],
  languages: [],
  feeds: [],
  topics: false,
  threshold: { posts: 20, authors: 12, minutes: 10, times_usual: null },
  cooldown_minutes: 60,
  ...change,
});

export function makeWatches(world) {
  if (world.listening) return { watches: [], alerts: [], destinations: [] };
  const now = world.started;
  const base = { destinations: ['to-chat'], paused: false, snoozed_until: null, degraded: null, armed_at: iso(now - DAY), evaluated_to: iso(now),
    open_since: null, alerts: 0, last_alert_at: null, created_at: iso(now - DAY), updated_at: iso(now - DAY) };
  const watches = [
    { ...base, id: 'outages', name: 'Power cuts', rule: rule(['power cut', 'apagão', '停電'], { topics: true }), status: 'watching', open_since: iso(now - 24 * MINUTE), alerts: 2, last_alert_at: iso(now - 21 * MINUTE) },
    { ...base, id: 'storms', name: 'Storms, by meaning', rule: rule([], { meaning: { text: 'a storm damages houses', similarity: 0.85 }, threshold: { posts: 5, authors: 4, minutes: 30, times_usual: 3 } }), status: 'learning', degraded: world.calm ? null : 'Meaning cannot be compared: the embedding model is off. Its other conditions still hold.' },
    { ...base, id: 'rival', name: 'What the ministry posts', rule: rule([], { authors: ['did:plc:ministry'], threshold: { posts: 1, authors: 1, minutes: 10, times_usual: null } }), status: 'snoozed', snoozed_until: iso(now + 50 * MINUTE) },
  ];
  const samples = stories[0].posts.slice(0, 4).map((text, i) => {
    const post = world.makePost(now - (22 + i) * MINUTE, text);
    return { id: post.id, author: post.author, time: post.time, text: post.text, languages: post.languages, url: post.url };
  });
  const alert = { watch: 'outages', watch_name: 'Power cuts', kind: 'threshold', level: 0, began_at: iso(now - 24 * MINUTE), at: iso(now - 21 * MINUTE),
    raised_at: iso(now - 21 * MINUTE), minutes: 10, posts: 64, authors: 51, usual: 6, ratio: 10.7, provisional: false,
    matched: [{ word: 'apagão', posts: 41 }, { word: 'power cut', posts: 20 }, { word: '停電', posts: 3 }], languages: ['pt', 'en'], samples,
    topics: [{ id: 'lisbon-outage', label: stories[0].label, link: '/topics/lisbon-outage' }],
    reason: '64 posts by 51 people within 10 minutes, usually 6.', link: '', acknowledged_at: null,
    deliveries: [{ id: 'd1', alert: 'a1', destination: 'to-chat', destination_name: 'Team chat', state: 'sent', attempts: 1, reason: null, next_attempt_at: null, sent_at: iso(now - 21 * MINUTE), created_at: iso(now - 21 * MINUTE) }] };
  const failed = { ...alert.deliveries[0], id: 'd2', alert: 'a2', state: 'failed', sent_at: null, reason: 'The webhook answered 404: it was removed there.' };
  const alerts = [
    { ...alert, id: 'a1' },
    { ...alert, id: 'a2', watch: 'rival', watch_name: 'What the ministry posts', at: iso(now - 300 * MINUTE), posts: 1, authors: 1, usual: null, ratio: null, matched: [], topics: [], samples: samples.slice(0, 1), reason: '1 post by 1 person within 10 minutes.', acknowledged_at: iso(now - 200 * MINUTE), deliveries: [failed] },
  ];
  const destinations = [{ id: 'to-chat', name: 'Team chat', kind: 'slack', address: 'https://…', notices: true, watches: 3, last: alert.deliveries[0], created_at: iso(now - DAY) }];
  return { watches, alerts, destinations };
}

export function answerWatches(world, method, path, body) {
  const kept = (world.watching ??= makeWatches(world));
  const [, noun, id, part] = path.split('/');
  const unread = () => kept.alerts.filter((alert) => alert.acknowledged_at === null).length;
  if (noun === 'alerts' && method === 'POST') {
    for (const alert of kept.alerts) if (!body.alerts || body.alerts.includes(alert.id)) alert.acknowledged_at ??= iso(Date.now());
    return { acknowledged: 1, unread: unread() };
  }
  if (noun === 'alerts') return id ? kept.alerts.find((alert) => alert.id === id) : { alerts: kept.alerts, next: null, unread: unread() };
  if (noun === 'destinations' && !id) return { destinations: kept.destinations, most: 20 };
  if (noun !== 'watches') return null;
  if (!id) return { watches: kept.watches, most: 100 };
  if (id === 'backtest' || part === 'backtest') return backtest(world);
  const watch = kept.watches.find((candidate) => candidate.id === id);
  if (watch && method === 'PATCH') Object.assign(watch, body, { status: body.paused ? 'paused' : 'watching' });
  if (watch && part === 'snooze') Object.assign(watch, { status: 'snoozed', snoozed_until: iso(Date.now() + 60 * MINUTE) });
  if (watch && part === 'wake') Object.assign(watch, { status: 'watching', snoozed_until: null });
  return watch;
}

function backtest(world) {
  const end = Math.floor(Date.now() / MINUTE) * MINUTE;
  const start = end - 7 * DAY;
  const bucket = 60;
  const series = Array.from({ length: 168 }, (_, i) => {
    const at = start + i * bucket * MINUTE;
    const missing = i < 20 || (i > 96 && i < 104);
    const burst = [44, 45, 46, 120, 121, 160, 161, 162].includes(i) ? 60 + (i % 7) * 18 : 0;
    return { start: iso(at), posts: missing ? null : burst + Math.round(6 + 4 * Math.sin(i / 3.8)), usual: missing ? null : 7 };
  });
  const episode = (hours, posts) => ({ start: iso(start + hours * 60 * MINUTE), end: iso(start + (hours + 2) * 60 * MINUTE), peak_at: iso(start + (hours + 1) * 60 * MINUTE), peak_posts: posts,
    peak_authors: Math.round(posts * 0.8), matched: [{ word: 'apagão', posts: 30 }], languages: ['pt'],
    firings: [{ at: iso(start + hours * 60 * MINUTE), level: 0, posts: 22, authors: 17, usual: 6, ratio: 3.7, provisional: false, reason: '22 posts by 17 people within 10 minutes, usually 6.' }],
    samples: (world.watching?.alerts[0]?.samples ?? []).slice(0, 2) });
  const topic = { id: 'lisbon-outage', label: stories[0].label, detected_at: iso(start + 44 * 60 * MINUTE), posts: 61, told_otherwise: false,
    firings: [{ at: iso(start + 43 * 60 * MINUTE), level: 0, posts: 12, posts_hour: 31, reason: '12 of the 31 posts of the last hour in a topic that gains momentum match.' }] };
  return { start: iso(start), end: iso(end), fired: 4, matched: 2190, episodes: [episode(44, 114), episode(120, 96), episode(160, 132)], topics: [topic], bucket_minutes: bucket, series,
    gaps: [{ id: 'g', feed: 'jetstream', start: iso(start + 97 * 60 * MINUTE), end: iso(start + 104 * 60 * MINUTE), cause: 'clamped' }],
    data_from: iso(start + 20 * 60 * MINUTE), data_to: iso(end), missing_minutes: 27 * 60, degraded: null, summary: 'It would have fired 4 times in these 7 days, in 3 episodes and for 1 topic. Of 27 hours there is no data.', took_ms: 214.2 };
}
