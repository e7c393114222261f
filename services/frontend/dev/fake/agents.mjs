/** The stand-in's agents and their runs; those of pipelines are told and streamed the same way: a run goes on a step each second, is streamed, and can be cancelled and retried. */
import { answerPipelines, pipelineRuns } from './pipelines.mjs';
import { stories } from './texts.mjs';

const iso = (ms) => new Date(ms).toISOString();
const STEP_MS = 900;
const DAY = 86_400_000;
const reading = ['search', 'post', 'post_context', 'posts', 'topic', 'topic_posts', 'topic_people', 'find_topics', 'timeline'];
const limits = (steps, tokens, dollars, seconds) => ({ steps, tokens, nano_usd: dollars * 1e9, seconds });
const agents = [
  { name: 'fact-checker', asked: true, title: 'Fact-checker', summary: 'Weighs one statement against the posts: supported, contradicted, disputed or unproven.', operations: reading, scopes: [], approval: 'never', contract: 'verdict', limits: limits(30, 600_000, 0.4, 900) },
  { name: 'operator', asked: true, title: 'Operator', summary: 'Explains how the platform itself is: health, gaps, cost, queues; and says what to do.', operations: ['health', 'checkup', 'feeds', 'gaps', 'spending', 'queues'], scopes: [], approval: 'never', contract: 'findings', limits: limits(24, 400_000, 0.3, 600) },
  { name: 'researcher', asked: true, title: 'Researcher', summary: 'Gathers evidence about a question or a topic: posts, people, figures.', operations: reading, scopes: [], approval: 'never', contract: 'findings', limits: limits(40, 800_000, 0.5, 900) },
  { name: 'scout', asked: true, title: 'Scout', summary: 'What is new: topics that gain momentum, and what people say in them.', operations: reading, scopes: [], approval: 'never', contract: 'findings', limits: limits(30, 600_000, 0.3, 600) },
  { name: 'watch-keeper', asked: true, title: 'Watch-keeper', summary: 'Turns a request into a watch, tries it on the past, and saves it when you allow.', operations: ['search', 'backtest_rule', 'watches', 'create_watch'], scopes: [], approval: 'always', contract: 'findings', limits: limits(24, 400_000, 0.3, 600) },
];
const plan = [
  ['ask', 'Asking a language model', { messages: 1, tools: 14 }, 'anthropic/claude-haiku-5-5 answered', 2_100_000],
  ['search', 'Calling search', { q: 'apagão Lisboa', limit: 20 }, '18,204 bytes', 0],
  ['topic_posts', 'Calling topic_posts', { topic: 'lisbon-outage', limit: 30, note: '<img src=x onerror=alert(1)>' }, '41,022 bytes', 0],
  ['ask', 'Asking a language model', { messages: 4, tools: 14 }, 'anthropic/claude-haiku-5-5 answered', 9_400_000],
  ['search', 'Calling search', { q: 'subestação Benfica', language: 'pt', since: '2026-11-30T13:00:00Z', limit: 20 }, 'Refused: The request is not valid.', 0],
  ['ask', 'Asking a language model', { messages: 6, tools: 14 }, 'anthropic/claude-haiku-5-5 answered', 11_800_000],
  ['report', 'Writing the report', null, null, 0],
];

/** What the address gives, or undefined. */
export function answerAgents(world, method, path, body, query) {
  world.agentRuns ??= world.listening ? [] : [...history(world), ...pipelineRuns(world)];
  const chained = answerPipelines(world, method, path, body, query);
  if (chained !== undefined) return chained;
  const [, noun, id, part] = path.split('/').map(decodeURIComponent);
  if (noun === 'agents' && !id) return { agents: world.listening ? [] : agents };
  if (noun === 'agents' && part === 'runs' && method === 'POST') return start(world, id, body);
  if (noun === 'business-metrics') return metrics(world, Number(query.get('days') ?? 30));
  if (noun === 'reports' && method === 'POST') return { report: id, helpful: part === 'rate' ? body.helpful : null };
  if (noun !== 'runs') return undefined;
  if (!id && method === 'GET') return found(world, query);
  const run = world.agentRuns.find((candidate) => candidate.id === id);
  if (!run) return undefined;
  if (part === 'cancel') end(world, run, 'cancelled');
  if (part === 'retry' && run.kind === 'agent') again(world, run, body?.from_step);
  return plain(run);
}

/** Server-sent events, as the real one sends them. */
export function streamRun(world, request, response, id) {
  world.agentRuns ??= [...history(world), ...pipelineRuns(world)];
  const run = world.agentRuns.find((candidate) => candidate.id === id);
  if (!run) return response.writeHead(404, { 'content-type': 'application/json' }).end('{"status":404,"what":"There is no such run."}');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  let after = Number(request.headers['last-event-id'] ?? 0);
  let told = '';
  const say = (name, data, number) => response.write(`${number ? `id: ${number}\r\n` : ''}event: ${name}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`);
  const look = () => {
    const state = { run: run.id, status: run.status, error: run.error, report: run.report, attempts: 1, spend_nano_usd: run.spend_nano_usd, limit_nano_usd: run.pipeline ? 0.9e9 : 0.5e9 };
    if (JSON.stringify(state) !== told) say('run', state);
    told = JSON.stringify(state);
    for (const step of run.steps.filter((one) => one.changed > after).toSorted((a, b) => a.changed - b.changed)) {
      say('step', step, step.changed);
      after = step.changed;
    }
    if (!['done', 'failed', 'cancelled'].includes(run.status)) return;
    say('end', { status: run.status, error: run.error, report: run.report });
    response.end();
    clearInterval(timer);
  };
  const timer = setInterval(look, 100);
  response.on('close', () => clearInterval(timer));
  look();
}

const open = ['queued', 'running', 'needs_approval', 'needs_human'];

/** Filtered and paged as the real one does it. */
function found(world, query) {
  const wanted = ['agent', 'pipeline', 'kind', 'topic'].filter((name) => query.get(name));
  const status = query.get('status');
  const all = [...world.agentRuns.map((run) => plain({ ...run, steps: run.steps.filter((step) => step.kind === 'work') })), ...world.runs]
    .filter((run) => wanted.every((name) => run[name] === query.get(name)) && (!status || (status === 'open' ? open.includes(run.status) : run.status === status)))
    .toSorted((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
  const from = query.get('before') ? all.findIndex((run) => run.id === query.get('before')) + 1 : 0;
  const page = all.slice(from, from + Number(query.get('limit') ?? 50));
  return { runs: page, next: from + page.length < all.length ? page.at(-1).id : null };
}

function plain(run) {
  return { ...run, steps: run.steps.map(({ name, title, status, started_at, finished_at, detail }) => ({ name, title, status, started_at, finished_at, detail })) };
}

function make(world, id, agent, question, ago, change = {}) {
  const now = iso(world.started - ago);
  const title = agents.find((known) => known.name === agent)?.title ?? agent;
  return { id, kind: 'agent', agent, pipeline: null, question, topic: '', title: `${title}: ${question}`, status: 'queued', error: null, steps: [], created_at: now, updated_at: now, attempts: 1, report: null, spend_nano_usd: 0, changes: 0, ...change };
}

function put(run, index, change, time) {
  const [name, title, request, detail, cost] = plan[index];
  const known = run.steps.find((step) => step.n === index + 1);
  const step = known ?? { n: index + 1, name: `${index + 1}-${name}`, title, kind: name === 'ask' ? 'ask' : name === 'report' ? 'work' : 'call', request, approval: null, started_at: iso(time), finished_at: null, cost_nano_usd: 0, detail: null, status: 'running', rejected: null, plainer: null };
  if (!known) run.steps.push(step);
  if (change.status === 'done') Object.assign(step, { detail, cost_nano_usd: cost, finished_at: iso(time + 700) });
  Object.assign(step, change, { changed: ++run.changes });
  run.spend_nano_usd = run.steps.reduce((sum, one) => sum + one.cost_nano_usd, 0);
}

function start(world, agent, body) {
  const run = make(world, `ask-${world.agentRuns.length + 1}`, agent, body.question, 0, { topic: body.topic ?? '', created_at: iso(Date.now()) });
  world.agentRuns.unshift(run);
  if (!world.away) setTimeout(() => work(world, run, 0), STEP_MS / 2);
  return plain(run);
}

function work(world, run, index) {
  if (run.status === 'cancelled') return;
  run.status = 'running';
  if (index > 0) put(run, index - 1, { status: 'done' }, Date.now());
  if (index < plan.length) {
    put(run, index, { status: 'running' }, Date.now());
    setTimeout(() => work(world, run, index + 1), STEP_MS);
  } else {
    finish(world, run);
  }
}

function finish(world, run) {
  const report = { ...world.makeReport(stories[0], `report-${run.id}`, Date.now()), run: run.id, title: run.title, writer: 'anthropic/claude-haiku-5-5', helpful: null };
  report.summary = 'Researcher read 48 posts in 3 calls and makes 4 claims, citing 4 posts. 1 claim without support is marked.';
  report.sections = [
    { heading: 'Findings', paragraphs: ['Residents of Benfica report no electricity for forty minutes [1].', 'The operator names a line that tripped at 14:02 [2].', '12,000 households were without power. [3] (unsupported: 12,000 stands in nothing that it cites)', 'Three searches found nothing about injuries. (call c3)'] },
    { heading: 'Not found out', paragraphs: ['When the substation is repaired.'] },
    { heading: 'Where it looked', paragraphs: ['c2: search {"q":"apagão Lisboa","limit":20}', 'c3: topic_posts {"topic":"lisbon-outage"}'] },
  ];
  world.reports.unshift(report);
  Object.assign(run, { status: 'done', report: report.id, updated_at: iso(Date.now()) });
}

function end(world, run, status) {
  for (const step of run.steps.filter((one) => one.status !== 'done')) Object.assign(step, { status: 'skipped', changed: ++run.changes });
  Object.assign(run, { status, error: status === 'cancelled' ? 'It was cancelled.' : null });
}

function again(world, run, from) {
  const first = run.steps.findIndex((step) => step.name === from);
  if (first >= 0) run.steps.splice(first);
  Object.assign(run, { status: 'queued', error: null, report: null });
  setTimeout(() => work(world, run, Math.max(0, run.steps.length)), STEP_MS);
}

function history(world) {
  const done = make(world, 'ask-done', 'researcher', 'What do people in Lisbon say about the power cut, and who was there?', 900_000, { topic: 'lisbon-outage' });
  plan.forEach((_, i) => put(done, i, { status: 'done' }, world.started - 900_000 + i * 4000));
  finish(world, done);
  const waits = make(world, 'ask-waits', 'watch-keeper', 'Tell me when power fails in Lisbon again', 400_000, { status: 'needs_approval' });
  [0, 1].forEach((i) => put(waits, i, { status: 'done' }, world.started - 400_000 + i * 3000));
  put(waits, 2, { status: 'needs_approval', title: 'Calling create_watch', request: { name: 'Power cuts in Lisbon', rule: { words: { any: ['apagão', 'power cut'] } } }, approval: 'a1', detail: 'It waits for approval a1.' }, world.started - 380_000);
  const lost = make(world, 'ask-lost', 'watch-keeper', 'Watch the metro too', 4_000_000, { status: 'needs_human', error: 'Nobody knows whether create_watch has happened: a worker ended in the middle. Look whether it has; retry_run then goes on without calling it again.' });
  put(lost, 0, { status: 'done' }, world.started - 4_000_000);
  put(lost, 1, { status: 'needs_human', title: 'Calling create_watch', detail: 'A worker ended in the middle.' }, world.started - 3_990_000);
  const failed = make(world, 'ask-failed', 'scout', '<b>What is new</b> in the last hour?', 9_000_000, { status: 'failed', error: 'The API did not answer an agent.' });
  put(failed, 0, { status: 'failed' }, world.started - 9_000_000);
  return [waits, done, lost, failed];
}

function metrics(world, count) {
  const figure = (part, whole) => ({ part, whole, value: whole ? part / whole : null });
  const none = () => figure(0, 0);
  const names = ['llm_success', 'interaction_cost', 'agent_completion', 'pipeline_success', 'cache_hits', 'reports_opened', 'reports_helpful'];
  const days = Array.from({ length: count }, (_, i) => {
    const calls = 30 + ((i * 17) % 40), runs = 3 + ((i * 5) % 6);
    const some = { llm_success: figure(calls - (i % 4), calls), interaction_cost: figure(runs * (12 + ((i * 7) % 20)) * 1e6, runs), agent_completion: figure(runs - (i % 3 === 0 ? 1 : 0), runs), pipeline_success: i % 5 === 4 ? none() : figure(2, 2), cache_hits: figure(8 + (i % 7), 40), reports_opened: figure(1 + (i % 3), 4), reports_helpful: none() };
    const empty = world.listening || i === 9 || i > 24;
    return { day: iso(world.started - i * DAY).slice(0, 10), ...(empty ? Object.fromEntries(names.map((name) => [name, none()])) : some) };
  });
  const whole = Object.fromEntries(names.map((name) => [name, figure(days.reduce((sum, day) => sum + day[name].part, 0), days.reduce((sum, day) => sum + day[name].whole, 0))]));
  const kinds = world.listening ? [] : [
    { name: 'researcher', agent: true, done: 41, failed: 3, cancelled: 2, spend_nano_usd: 1.91e9, success: 41 / 44 },
    { name: 'briefing', agent: false, done: 44, failed: 0, cancelled: 0, spend_nano_usd: 0.4e9, success: 1 },
    { name: 'scout', agent: true, done: 0, failed: 0, cancelled: 1, spend_nano_usd: 0, success: null },
  ];
  return { whole, days, kinds };
}
