/** The stand-in's REST answers. */
import { answerClusters } from './clusters.mjs';
import { startRun } from './runs.mjs';
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
  const watched = answerWatches(world, request.method, path, body);
  if (watched) return json(response, watched);
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
  if (noun === 'topics') return id ? world.detail(id) : world.topicList();
  if (noun === 'clusters') return answerClusters(world, id);
  if (noun === 'momentum') return world.momentum(number('minutes', 60), number('limit', 5));
  if (noun === 'search') return search(world, query.get('q') ?? '');
  if (noun === 'runs') return id ? world.runs.find((run) => run.id === id) : { runs: world.runs };
  if (noun === 'reports') return readReport(world, id, part);
  return null;
}

function readReport(world, id, part) {
  if (!id) return { reports: world.reports.map((report) => ({ ...report, sections: [], citations: [] })) };
  const report = world.reports.find((candidate) => candidate.id === id);
  if (!report || !part) return report;
  if (part === 'markdown') return new Binary('text/markdown', `# ${report.title}\n\n${report.summary}\n`);
  return report.pdf === 'ready' ? new Binary('application/pdf', '%PDF-1.4\n%%EOF\n') : null;
}

function search(world, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = [...stories.flatMap((story) => story.posts), ...chatter];
  const hits = texts.map((text, i) => {
    const matching = words.filter((word) => text[1].toLowerCase().includes(word)).length;
    const similarity = Math.max(0.18, 0.83 - i * 0.05 + matching * 0.04);
    const matched = [...(world.calm ? ['meaning'] : []), ...(matching ? ['words'] : [])];
    return { post: world.makePost(Date.now() - i * 400_000, text), score: similarity, matched, similarity: world.calm ? similarity : null };
  });
  const found = query === 'zzz' ? [] : hits.filter((hit) => hit.matched.length && hit.score > 0.4);
  return {
    query, hits: found, took_ms: 38.4, indexed: 1_203_020, pending: world.calm ? 41 : 1_098,
    mode: world.calm ? 'hybrid' : 'text only',
    reason: world.calm ? null : 'The vector index is not answering, so meaning cannot be compared.',
  };
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
