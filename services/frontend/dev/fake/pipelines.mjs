/** The stand-in's pipelines: their stages, runs that go on stage by stage, and schedules. */
import { stories } from './texts.mjs';

const iso = (ms) => new Date(ms).toISOString();
const STAGE_MS = 1600;
const limits = (steps, tokens, dollars, seconds) => ({ steps, tokens, nano_usd: dollars * 1e9, seconds });
const agentStage = (name, title, agent, takes, gives, limits) => ({ name, title, agent, code: null, takes, gives, limits });
const codeStage = (name, title, takes, gives) => ({ name, title, agent: null, code: name, takes, gives, limits: null });
const ending = [
  agentStage('write', 'Writing', 'writer', 'dossier', 'draft', limits(6, 200_000, 0.25, 300)),
  agentStage('review', 'Reading it as an editor', 'reviewer', 'draft', 'review', limits(6, 200_000, 0.2, 300)),
  codeStage('compose', 'Putting it together', 'review', 'report'),
  codeStage('render', 'Making the PDF', 'report', 'print'),
];
const pipelines = [
  { name: 'daily-briefing', title: 'Daily briefing', summary: 'What the last 24 hours brought: topics, figures against the day before, gaps, and what people say.', needs: [], takes: ['question'], defaults: {}, limits: { nano_usd: 0.9e9, seconds: 1500 },
    stages: [agentStage('scout', 'Looking for what is new', 'scout', 'question', 'findings', limits(30, 600_000, 0.3, 600)), codeStage('day', 'Counting the day', 'findings', 'dossier'), ...ending] },
  { name: 'deep-dive', title: 'Deep dive', summary: 'One topic in depth: evidence from many searches, what holds of it, how it grew, who drives it.', needs: ['topic'], takes: ['question'], defaults: {}, limits: { nano_usd: 1e9, seconds: 2700 },
    stages: [agentStage('research', 'Gathering evidence', 'researcher', 'question', 'findings', limits(40, 800_000, 0.5, 900)), agentStage('check', 'Checking facts', 'fact-checker', 'findings', 'findings', limits(30, 600_000, 0.4, 900)), codeStage('topic', 'Counting the topic', 'findings', 'dossier'), ...ending] },
  { name: 'source-audit', title: 'Source audit', summary: 'One feed, author or site: how much it brings, how reliable it is, what is missing, what is copied.', needs: ['feed', 'author', 'domain'], takes: ['days'], defaults: { days: 7 }, limits: { nano_usd: 0.9e9, seconds: 900 },
    stages: [codeStage('source', 'Counting the source', 'question', 'dossier'), ...ending] },
  { name: 'weekly-report', title: 'Weekly report', summary: 'Seven days against the seven before: volume, topics that came and went, feeds, gaps.', needs: [], takes: ['question'], defaults: {}, limits: { nano_usd: 0.9e9, seconds: 900 },
    stages: [codeStage('week', 'Counting the week', 'question', 'dossier'), ...ending] },
];
const NO_MODEL = 'No language model answered: No language model is set up.';
const REJECTED = 'Section 1, claim 2 cites the post 0197a1c2-5b1e-7c33-9a10-2f6d8c1e4b77, which was not seen in this run.';
const details = {
  scout: 'Scout: anthropic/claude-haiku-5-5.', research: 'Researcher: anthropic/claude-haiku-5-5.', check: 'Fact-checker: anthropic/claude-haiku-5-5.',
  day: '14 facts counted, 22 posts to cite', week: '19 facts counted, 25 posts to cite', topic: '11 facts counted, 30 posts to cite', source: '9 facts counted, 12 posts to cite',
  write: 'Writer: anthropic/claude-sonnet-5 after 1 rejected try.', review: 'Reviewer: anthropic/claude-haiku-5-5.', compose: '9 posts cited; written by anthropic/claude-sonnet-5', render: '4 pages, built-in',
};

/** What the address gives, or undefined. */
export function answerPipelines(world, method, path, body, query) {
  const [, noun, id, part] = path.split('/').map(decodeURIComponent);
  const shown = world.listening ? [] : pipelines;
  if (noun === 'pipelines' && !id) return { pipelines: shown };
  if (noun === 'pipelines' && part === 'runs' && method === 'POST') return start(world, id, body);
  if (noun === 'pipelines') return shown.find((one) => one.name === id) ?? null;
  if (noun === 'due-times') return { times: dueTimes(query.get('at'), (query.get('weekdays') ?? '').split(',').filter(Boolean), Number(query.get('count') ?? 3), query.get('zone')) };
  if (noun === 'schedules') return schedule(world, method, id, body);
  return undefined;
}

/** Other zones and the clocks' changes are the real server's business: here it is winter, in Berlin or in UTC. */
function dueTimes(at, weekdays, count, zone = 'Europe/Berlin') {
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  const [hour, minute] = at.split(':').map(Number);
  const times = [];
  for (let day = new Date(); times.length < count; day = new Date(day.getTime() + 86_400_000)) {
    const due = Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), hour - (zone === 'UTC' ? 0 : 1), minute);
    if (due > Date.now() && (!weekdays.length || weekdays.includes(names[day.getUTCDay()]))) times.push(iso(due));
  }
  return times;
}

function saved(world, id, pipeline, at, weekdays, zone, more = {}) {
  const none = { topic: '', feed: '', author: '', domain: '', days: 0, question: '' };
  return { id, pipeline, parameters: { ...none, ...more.parameters }, at, weekdays, zone, enabled: true, due_at: dueTimes(at, weekdays, 1, zone)[0], last_run: null, last_status: null, last_due_at: null, created_at: iso(world.started), updated_at: iso(world.started), ...more.fields };
}

function schedule(world, method, id, body) {
  world.schedules ??= world.listening || world.bare ? [] : [
    saved(world, 's1', 'daily-briefing', '07:00', [], 'Europe/Berlin', { fields: { last_run: 'pipe-done', last_status: 'done', last_due_at: iso(world.started - 5_400_000) } }),
    saved(world, 's2', 'weekly-report', '08:00', ['mon'], 'Europe/Berlin'),
    saved(world, 's3', 'source-audit', '06:30', ['mon', 'tue', 'wed', 'thu', 'fri'], 'Europe/Berlin', { parameters: { feed: 'jetstream', days: 3 }, fields: { enabled: false, due_at: null, last_run: 'pipe-failed', last_status: 'failed', last_due_at: iso(world.started - 30_000_000) } }),
  ];
  if (method === 'POST') {
    const { pipeline, at, weekdays, zone, enabled, ...parameters } = body;
    const made = saved(world, `s${Date.now()}`, pipeline, at, weekdays, zone, { parameters, fields: { enabled } });
    world.schedules.push(made);
    return made;
  }
  const one = world.schedules.find((known) => known.id === id);
  if (method === 'PATCH' && one) return Object.assign(one, body, { due_at: (body.enabled ?? one.enabled) ? dueTimes(body.at ?? one.at, body.weekdays ?? one.weekdays, 1, body.zone ?? one.zone)[0] : null });
  if (method === 'DELETE' && one) {
    world.schedules = world.schedules.filter((known) => known !== one);
    return { id };
  }
  return { schedules: world.schedules };
}

function make(world, id, name, ago, more = {}) {
  const pipeline = pipelines.find((one) => one.name === name);
  const now = iso(world.started - ago);
  const run = { id, kind: 'pipeline', agent: null, pipeline: name, question: null, topic: '', title: pipeline.title, status: 'queued', error: null, steps: [], created_at: now, updated_at: now, attempts: 1, report: null, spend_nano_usd: 0, changes: 0, ...more };
  pipeline.stages.forEach((stage, i) => add(run, i * 200, stage.name, stage.title, 'work', { status: 'pending' }));
  return run;
}

function add(run, n, name, title, kind, more) {
  const step = { n, name, title, kind, status: 'done', request: null, detail: null, cost_nano_usd: 0, approval: null, rejected: null, plainer: null, started_at: null, finished_at: null, ...more, changed: ++run.changes };
  run.steps = [...run.steps, step].toSorted((a, b) => a.n - b.n);
  run.spend_nano_usd += step.cost_nano_usd;
  return step;
}

/** Moves the stage at `i` on; what its agent asked comes with it. */
function perform(world, run, i, status, time, { rejected = null, plainer = null } = {}) {
  const stage = pipelines.find((one) => one.name === run.pipeline).stages[i];
  const work = run.steps.find((step) => step.n === i * 200);
  if (status === 'running' && stage.agent) {
    const asked = { request: { messages: 1, tools: 3 }, started_at: iso(time), finished_at: iso(time + 900) };
    if (plainer) add(run, i * 200 + 1, `${i * 200 + 1}-ask`, 'Asking a language model', 'ask', { ...asked, detail: `No answer: ${plainer}` });
    else add(run, i * 200 + 1, `${i * 200 + 1}-ask`, 'Asking a language model', 'ask', { ...asked, detail: 'anthropic/claude-sonnet-5 answered', cost_nano_usd: 11_300_000, rejected });
    if (rejected) add(run, i * 200 + 2, `${i * 200 + 2}-ask`, 'Asking a language model', 'ask', { request: { messages: 3, tools: 3 }, status: 'running', started_at: iso(time + 900) });
  }
  for (const step of run.steps.filter((one) => status !== 'running' && one.status === 'running')) Object.assign(step, { status: 'done', detail: 'anthropic/claude-sonnet-5 answered', finished_at: iso(time), changed: ++run.changes });
  const done = status === 'running' ? { started_at: iso(time) } : { finished_at: iso(time), detail: plainer && stage.agent ? `${stage.title}: no model. ${plainer}` : details[stage.name], plainer: stage.agent ? plainer : null };
  Object.assign(work, { status, ...done, changed: ++run.changes });
}

function finish(world, run, at, writer) {
  const report = { ...world.makeReport(stories[0], `report-${run.id}`, at), run: run.id, title: `${run.title}: ${stories[0].label}`, writer, helpful: null };
  world.reports.unshift(report);
  Object.assign(run, { status: 'done', report: report.id, updated_at: iso(at) });
}

function past(world, id, name, ago, { plainer = null, rejected = null, fails = null, more = {} } = {}) {
  const run = make(world, id, name, ago, more);
  const stages = pipelines.find((one) => one.name === name).stages;
  let time = world.started - ago + 800;
  for (const [i, stage] of stages.entries()) {
    perform(world, run, i, 'running', time, { plainer, rejected: stage.name === 'write' ? rejected : null });
    time += stage.agent && !plainer ? 9_000 + i * 2_300 : 260 + i * 90;
    perform(world, run, i, fails === stage.name ? 'failed' : 'done', time, { plainer });
    if (fails !== stage.name) continue;
    Object.assign(run.steps.find((step) => step.n === i * 200), { detail: run.error });
    for (const step of run.steps.filter((one) => one.status === 'pending')) Object.assign(step, { status: 'skipped', changed: ++run.changes });
    return Object.assign(run, { status: 'failed', updated_at: iso(time) });
  }
  finish(world, run, time, plainer ? 'extractive' : 'anthropic/claude-sonnet-5');
  return run;
}

export function pipelineRuns(world) {
  if (world.bare) return [];
  const hour = 3_600_000;
  const failed = "What the stage 'source' gave breaks its contract dossier. 'Copies' cites '0197a1c2', which it was not given";
  return [
    past(world, 'pipe-done', 'daily-briefing', 1.5 * hour, { rejected: REJECTED }),
    past(world, 'pipe-plain', 'daily-briefing', 25.5 * hour, { plainer: NO_MODEL }),
    past(world, 'pipe-failed', 'source-audit', 8 * hour, { fails: 'source', more: { title: 'Source audit: jetstream', error: failed } }),
    past(world, 'pipe-dive', 'deep-dive', 3 * hour, { more: { title: `Deep dive: ${stories[0].label}`, topic: stories[0].id } }),
    ...Array.from({ length: 12 }, (_, i) => past(world, `pipe-old-${i}`, 'daily-briefing', (49.5 + 24 * i) * hour)),
  ];
}

function start(world, name, body) {
  const story = stories.find((one) => one.id === body.topic);
  const run = make(world, `pipe-${world.agentRuns.length + 1}`, name, world.started - Date.now(), { topic: body.topic, ...(story ? { title: `Deep dive: ${story.label}` } : {}) });
  world.agentRuns.unshift(run);
  if (!world.away) setTimeout(() => stage(world, run, 0), STAGE_MS / 2);
  return { ...run, steps: [] };
}

function stage(world, run, i) {
  if (run.status === 'cancelled') return;
  const stages = pipelines.find((one) => one.name === run.pipeline).stages;
  Object.assign(run, { status: 'running', updated_at: iso(Date.now()) });
  setTimeout(() => world.tell({ type: 'run', run: { ...structuredClone(run), steps: run.steps.filter((step) => step.kind === 'work') } }), 50);
  const how = { rejected: stages[i]?.name === 'write' ? REJECTED : null, plainer: stages[i]?.name === 'review' ? 'It met its limit of 300 seconds.' : null };
  if (i > 0) perform(world, run, i - 1, 'done', Date.now(), { plainer: stages[i - 1].name === 'review' ? 'It met its limit of 300 seconds.' : null });
  if (i === stages.length) return finish(world, run, Date.now(), 'anthropic/claude-sonnet-5');
  perform(world, run, i, 'running', Date.now(), how);
  // Slow where there is something to see.
  setTimeout(() => stage(world, run, i + 1), stages[i].name === 'write' ? 3 * STAGE_MS : STAGE_MS / 2);
}
