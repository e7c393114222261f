/** The stand-in's REST answers. */
import { answerAgents, streamRun } from './agents.mjs';
import { answerClusters } from './clusters.mjs';
import { answerModels } from './models.mjs';
import { startRun } from './runs.mjs';
import { answerSystem } from './system.mjs';
import { chatter, stories } from './texts.mjs';
import { answerWatches } from './watches.mjs';

const prefix = '/api/v1';

export async function answer(world, request, response, url) {
  const path = url.pathname.slice(prefix.length);
  if (world.token && path !== '/session' && !(request.headers.cookie ?? '').includes('session=ok')) {
    return problem(response, 401, 'You are not signed in.', 'No valid session came with the request.', 'Sign in with the access token.');
  }
  const route = `${request.method} ${path}`;
  const body = request.method === 'POST' || request.method === 'PATCH' ? await readJson(request) : null;
  if (route === 'POST /session') return signIn(world, response, body);
  if (route === 'DELETE /session') return response.writeHead(204, { 'set-cookie': 'session=; Max-Age=0' }).end();
  if (route === 'POST /runs') return json(response, startRun(world, body.topic, (run) => world.tell({ type: 'run', run })), 201);
  const [, noun, id, part] = path.split('/').map(decodeURIComponent);
  if (noun === 'runs' && part === 'stream') return streamRun(world, request, response, id);
  const asked = answerAgents(world, request.method, path, body, url.searchParams);
  if (asked) return json(response, asked);
  const watched = answerWatches(world, request.method, path, body);
  if (watched) return json(response, watched);
  const modelled = answerModels(world, request.method, path);
  if (modelled) return json(response, modelled);
  const own = answerSystem(world, request.method, path, body, url.searchParams);
  if (own) return json(response, own);
  const found = read(world, path, url.searchParams);
  if (found instanceof Binary) return response.writeHead(200, { 'content-type': found.type }).end(found.body);
  if (found) return json(response, found);
  return problem(response, 404, 'There is no such thing here.', `Nothing is stored at ${path}.`, 'Go back to the overview and choose again.');
}

class Binary {
  constructor(type, body) {
    Object.assign(this, { type, body });
  }
}

function read(world, path, query) {
  const number = (key, otherwise) => Number(query.get(key) ?? otherwise);
  const [, noun, id, part] = path.split('/').map(decodeURIComponent);
  if (noun === 'health') return world.health();
  if (noun === 'feeds' && part === 'series') return world.feedSeries(id, number('minutes', 60));
  if (noun === 'feed-kinds') return world.feedKinds();
  if (noun === 'feeds' && part === 'drops') return world.feedDrops(id);
  if (noun === 'feeds' && part === 'gaps') return world.feedGaps(id);
  if (noun === 'feeds' && !id) return world.feedList();
  if (noun === 'posts' && !id) return { posts: world.posts.slice(0, number('limit', 50)), next: null };
  if (noun === 'posts') return world.posts.find((post) => post.id === id);
  if (noun === 'topics' && part === 'people') return world.people(id);
  if (noun === 'topics') return id ? world.detail(id) : world.topicList();
  if (noun === 'clusters') return answerClusters(world, id);
  if (noun === 'momentum') return world.momentum(number('minutes', 60), number('limit', 5));
  if (noun === 'search') return search(world, query);
  if (noun === 'runs') return id ? world.runs.find((run) => run.id === id) : { runs: world.runs };
  if (noun === 'reports') return readReport(world, id, part);
  return null;
}

function readReport(world, id, part) {
  if (!id && world.fresh) return { reports: [] };
  if (!id) return { reports: world.reports.map((report) => ({ ...report, sections: [], citations: [] })) };
  const report = world.reports.find((candidate) => candidate.id === id);
  if (!report || !part) return report;
  if (part === 'markdown') return new Binary('text/markdown', `# ${report.title}\n\n${report.summary}\n`);
  return report.pdf === 'ready' ? new Binary('application/pdf', '%PDF-1.4\n%%EOF\n') : null;
}

/** Words are found as they are written, and meaning in whatever comes first: enough to draw a page. */
function search(world, query) {
  const q = query.get('q') ?? '';
  const words = q.toLowerCase().replace(/["#*]/g, '').split(/\s+/).filter((word) => word && !word.startsWith('-'));
  const texts = [...stories.flatMap((story) => story.posts), ...chatter];
  const hits = texts.map((text, i) => {
    const post = world.makePost(Date.now() - i * 400_000, text);
    const lower = post.text.toLowerCase();
    const held = words.filter((word) => lower.includes(word));
    const similarity = Math.max(0.18, 0.89 - i * 0.015 + held.length * 0.01);
    const matched = [...(world.calm ? ['meaning'] : []), ...(held.length ? ['words'] : [])];
    const named = held.map((word) => `‘${word}’`).join(' and ');
    const close = query.get('like') ? 'the post you chose' : 'what you asked';
    const why = !words.length && !query.get('like') ? 'Meets the filters.'
      : held.length ? `Holds ${named}${world.calm ? `; close in meaning to ${close}` : ''}.` : `Close in meaning to ${close}.`;
    return {
      post, score: similarity, matched, similarity: world.calm && (words.length || query.get('like')) ? similarity : null, why,
      highlights: held.map((word) => ranges(post.text, lower.indexOf(word), word.length)), alike: i % 6 === 1 ? 14 : i % 9 === 4 ? 1 : 0,
    };
  });
  const wanted = hits.filter(({ post, matched }) => (matched.length || !words.length)
    && (!query.get('language') || post.languages.includes(query.get('language')))
    && (query.get('linked') !== 'true' || post.links.length > 0));
  const found = q === 'zzz' ? [] : wanted;
  const from = Number(query.get('cursor') ?? 0), to = from + Number(query.get('limit') ?? 20);
  return {
    query: q, hits: found.slice(from, to), next: to < found.length ? String(to) : null, took_ms: 38.4,
    sort: query.get('sort') ?? 'relevance', indexed: 1_203_020, pending: world.calm ? 41 : 1_098,
    meaning_since: new Date(Date.now() - 6 * 86_400_000).toISOString(),
    mode: world.calm ? 'hybrid' : 'text only',
    reason: world.calm ? null : 'The vector index is not answering, so meaning cannot be compared.',
  };
}

/** A range of code points from one of UTF-16. */
function ranges(text, at, length) {
  const start = [...text.slice(0, at)].length;
  return [start, start + [...text.slice(at, at + length)].length];
}

function signIn(world, response, body) {
  if (body?.token !== world.token) return problem(response, 401, 'This token is not known.', '', 'Check for missing characters.');
  return response.writeHead(204, { 'set-cookie': 'session=ok; Path=/; HttpOnly; SameSite=Strict' }).end();
}

async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || 'null');
}

function json(response, body, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function problem(response, status, what, why, help) {
  json(response, { status, what, why, do: help, request: 'req-7f3a91' }, status);
}
