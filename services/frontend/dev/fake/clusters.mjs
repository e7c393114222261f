/** The stand-in's map: the stories as circles, with small ones beside them. */
import { stories } from './texts.mjs';

const iso = (ms) => new Date(ms).toISOString();
const trends = ['rising', 'steady', 'fading', 'new'];
const places = [[300, 240, 108], [560, 330, 84], [760, 170, 70], [180, 480, 62], [480, 520, 50], [690, 480, 44], [880, 380, 38], [520, 120, 34], [880, 540, 28], [330, 590, 24]];
const small = ['Tea · kettle · biscuits', '地震 · 揺れ · 震度', 'Marathon · finish line', 'Zug · Verspätung · Bahnhof', 'Kitten · shelter', 'Album · vinyl · release'];

export function answerClusters(world, id) {
  const state = world.meaningless ? 'off' : world.calm ? 'ok' : 'degraded';
  const clusters = world.listening || world.meaningless ? [] : made(world);
  if (id) {
    const cluster = clusters.find((candidate) => candidate.id === id);
    return cluster && { cluster, posts: cluster.examples.concat(world.posts.slice(0, 12)), next: null, as_of: iso(Date.now()) };
  }
  return {
    clusters, state, as_of: world.meaningless ? null : iso(Date.now() - 9000), window_minutes: 60, width: 1000, height: 640,
    posts: world.listening ? 212 : 54_210, sampled: world.listening ? 212 : 8_900, compared: world.meaningless ? 0 : world.listening ? 198 : 6_104, scattered: world.listening ? 198 : 4_331,
    reason: { ok: null, off: 'There is no embedding model: turned off.', degraded: '37,180 of 54,210 posts of the hour have their vector so far.' }[state],
    do: { ok: null, off: 'Set GROUNDSWELL_EMBEDDING_MODEL=auto, or look at the relay’s log. Search by words goes on.', degraded: 'It goes on by itself: nothing is lost.' }[state],
  };
}

function made(world) {
  const names = [...stories.map((story) => story.label.split(', ').join(' · ')), ...small].slice(0, places.length);
  return names.map((label, i) => {
    const story = stories[i % stories.length];
    const [x, y, radius] = places[i];
    const posts = Math.round(radius * radius * 0.21);
    return {
      id: `c${i}`, label, terms: story.terms, posts, people: Math.round(posts * 0.14), trend: trends[i % 4],
      recent: Math.round(posts * [0.7, 0.5, 0.3, 1][i % 4]), earlier: Math.round(posts * [0.3, 0.5, 0.7, 0][i % 4]),
      spark: Array.from({ length: 12 }, (_, k) => Math.round((posts / 12) * (1 + [k - 6, 0, 6 - k, k - 4][i % 4] / 8))),
      languages: story.languages.slice(0, 3).map((language, k) => ({ language, share: [0.58, 0.28, 0.11][k] })),
      began_at: iso(Date.now() - 42 * 60_000), place: { x, y, radius }, topic: i < 2 ? { id: story.id, label: story.label } : null,
      examples: story.posts.slice(0, 3).map((text, k) => world.makePost(Date.now() - (k + 1) * 240_000, text)),
    };
  });
}
