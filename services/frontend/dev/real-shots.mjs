/**
 * Pictures for the documentation, from the real stack: simulator, engines, relay, API and worker.
 *
 *   npm run build && npm run real-shots -- --out ../../docs/images [--chromium /usr/bin/chromium]
 *
 * While the relay reads the past, the simulator cuts the connection, lets nobody in, and forgets the next minutes: the gap
 * on the pictures is one that was found and recorded. A watch is saved, alerts, and tells a receiver on this machine.
 * Posts come in six scripts: chromium is lent the fonts that reports are printed with.
 *
 * Runs of agents and pipelines are made first without a model and then with the tests' fake provider, whose model quotes
 * what its tools answered (`tests/support/fake_reporter.py`): pictures show the path of a run, not what a model would find.
 * The documentation has the newer pages in the light theme alone. `--look` makes all scenes in both, `--only search,map`
 * some scenes, `--phone` makes them 390 px wide, and `--address URL` takes them of a platform that was prepared so and
 * still runs.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'real-shots' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    only: { type: 'string' },
    address: { type: 'string' },
    look: { type: 'boolean', default: false },
    phone: { type: 'boolean', default: false },
    python: { type: 'string', default: new URL('../../../.venv/bin/python', import.meta.url).pathname },
    groundswell: { type: 'string', default: new URL('../../../.venv/bin/groundswell', import.meta.url).pathname },
  },
});
const MINUTE = 60_000;
const SIZE = options.phone ? { width: 390, height: 844 } : { width: 1440, height: 900 };
const REPOSITORY = new URL('../../../', import.meta.url).pathname;
const QUESTION = 'What is new, and what do people say about it?';
/** So many conversations make a map, if they come in time: they need vectors, which a busy machine makes slowly. */
const CONVERSATIONS = 5;
const PATIENCE_MS = 2 * MINUTE;
const HISTORY_MINUTES = 60;
const RATE = '20';
/** Where the reading of the past is cut, and how much is forgotten then. */
const CUT_MINUTES_AGO = 38;
const FORGOTTEN_MINUTES = 6;
/** A cursor that did not move for so long has come to the end of what was read. */
const STILL_MS = 8000;

const children = [];
const folder = mkdtempSync(join(tmpdir(), 'groundswell-pictures-'));
chmodSync(folder, 0o755); // closed to the engine's user, its files would be put elsewhere and stay there

/** Starts a verb and waits for the line that tells its address. */
function start(args, environment, address) {
  return launch(options.groundswell, args, environment, address);
}

/** Starts the program and waits for the line. */
function launch(program, args, environment, address) {
  const child = spawn(program, args, { cwd: REPOSITORY, env: { ...process.env, ...environment } });
  children.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (data) => {
      said += data;
      const found = address.exec(said);
      if (found) resolve(found[1] ?? found[0]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`${program} ${args[0]} ended with code ${code}:\n${said}`)));
  });
}

/** Ends the last that was started, as Ctrl-C does. */
async function stop() {
  const child = children.pop();
  child.removeAllListeners('exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

async function json(url, method = 'GET', body = undefined) {
  const answer = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  if (!answer.ok) throw Object.assign(new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`), { status: answer.status });
  return answer.json();
}

/** Asks until there is an answer that counts; a busy machine that says 503, or nothing yet, is asked again. */
async function until(what, ask, everyMs = 500, forMs = 6 * MINUTE) {
  const end = Date.now() + forMs;
  while (Date.now() < end) {
    try {
      const found = await ask();
      if (found) return found;
    } catch (error) {
      if (error.status !== 503 && !(error instanceof TypeError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`In vain waited for ${what}.`);
}

/** Cuts the reading of the past and lets the simulator forget what would have come next. */
async function cut(api, door) {
  const position = async () => Date.parse((await json(`${api}/feeds/simulated`)).last_event_time ?? 0);
  await until('the past to be read', async () => (await position()) > Date.now() - CUT_MINUTES_AGO * MINUTE, 50);
  await json(`${door}?closed=1&hangup=1`);
  let [last, since] = [0, Date.now()];
  const still = await until('all that was read to be stored', async () => {
    const now = await position();
    if (now !== last) [last, since] = [now, Date.now()];
    return Date.now() - since > STILL_MS && now;
  });
  await json(`${door}?floor=${(still + FORGOTTEN_MINUTES * MINUTE) * 1000}`);
  await json(`${door}?closed=0`);
  await until('the gap to be found', async () => (await json(`${api}/feeds/simulated/gaps`)).gaps.length > 0);
}

async function prepare() {
  const receiver = createServer((request, response) => request.resume().on('end', () => response.end('ok')));
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  receiver.unref();
  const simulate = ['simulate', '--port', '0', '--rate', RATE, '--seed', '7', '--history-minutes', String(HISTORY_MINUTES)];
  const feed = await start([...simulate, '--control'], {}, /Serving (\S+)/);
  const second = await start(['simulate', '--port', '0', '--rate', '4', '--wire', 'nostr', '--history-minutes', '20'], {}, /Serving (\S+)/);
  const settings = { GROUNDSWELL_FEED_URL: feed, GROUNDSWELL_FEED_NAME: 'simulated', GROUNDSWELL_FEED_BACKFILL_MINUTES: String(HISTORY_MINUTES - 5) };
  const up = (more) => start(['up', '--source', 'jetstream', '--port', '0', '--data', folder], { ...settings, ...more }, /Groundswell: (\S+)/);
  const model = JSON.parse(await launch(options.python, ['-m', 'tests.support.fake_reporter', folder], {}, /\{.*\}/));
  let page = await up({});
  let api = `${page}/api/v1`;
  await cut(api, feed.replace(/^ws/, 'http').replace(/\/subscribe.*/, '/control'));
  await json(`${api}/feeds`, 'POST', { id: 'simulated-nostr', kind: 'nostr', url: second, backfill_minutes: 15 });
  const chat = await json(`${api}/destinations`, 'POST', { name: 'Team chat', kind: 'apprise', url: `json://127.0.0.1:${receiver.address().port}` });
  await until('all feeds to be live', async () => (await json(`${api}/feeds`)).feeds.every((known) => known.status === 'live'));
  const topics = await until('topics', async () => {
    const found = (await json(`${api}/topics`)).topics;
    return found.length >= 3 && found;
  });
  const watch = await save(api, topics, chat.id);
  await until('an alert that was sent', async () => {
    const { alerts } = await json(`${api}/alerts`);
    return alerts.find((known) => known.watch === watch && known.deliveries[0]?.state === 'sent');
  });
  const alone = await ran(api, 'run_pipeline', { pipeline: 'daily-briefing' });
  await stop();
  page = await up(model);
  api = `${page}/api/v1`;
  await until('the API', async () => (await fetch(`${page}/health/ready`)).ok);
  await until('all feeds to be live again', async () => (await json(`${api}/feeds`)).feeds.every((known) => known.status === 'live'));
  await ran(api, 'ask_agent', { agent: 'scout', question: QUESTION });
  const daily = await ran(api, 'run_pipeline', { pipeline: 'daily-briefing' });
  await ran(api, 'run_pipeline', { pipeline: 'deep-dive', topic: topics[0].id });
  for (const { report } of [alone, daily]) await json(`${api}/operations/open_report`, 'POST', { report });
  const waits = await json(`${api}/operations/ask_agent`, 'POST', { agent: 'watch-keeper', question: `Tell me when people talk about ${topics[0].terms[0]}` });
  await until('a call that waits', async () => (await json(`${api}/runs/${waits.id}`)).status === 'needs_approval');
  await until('a map', async () => (await json(`${api}/clusters`)).clusters.length >= CONVERSATIONS, 5000, PATIENCE_MS)
    .catch((late) => console.log(`${late.message} The map is drawn as it is.`));
  return page;
}

/** What there is to show. */
async function made(page) {
  const api = `${page}/api/v1`;
  const { alerts } = await json(`${api}/alerts`);
  const alert = alerts.find((known) => known.deliveries[0]?.state === 'sent');
  const { reports } = await json(`${api}/reports`);
  const report = (title, model) => reports.find((one) => one.title.startsWith(title) && (one.writer !== 'extractive') === model);
  const [topic] = (await json(`${api}/topics`)).topics;
  return {
    watch: alert.watch, alert: alert.id, topic, scout: report('Scout', true), dive: report('Deep dive', true),
    daily: report('Daily briefing', true), alone: report('Daily briefing', false),
  };
}

/** Asks for a run and waits for its report. */
async function ran(api, operation, asked) {
  const made = await json(`${api}/operations/${operation}`, 'POST', asked);
  return until(`the end of ${operation}`, async () => {
    const run = await json(`${api}/runs/${made.id}`);
    if (run.status === 'failed') throw new Error(`${operation} failed: ${run.error}`);
    return run.status === 'done' && run;
  });
}

/** Watches for what the stream is about; the id of the one that is to alert. */
async function save(api, topics, destination) {
  const threshold = { posts: 5, authors: 4, minutes: 10, times_usual: null };
  const rule = (any, more) => ({ words: { any, all: [], none: [] }, threshold, topics: true, ...more });
  const [first, second] = topics;
  const name = (topic) => topic.label.split(' · ').slice(0, 2).join(' ');
  const made = await json(`${api}/watches`, 'POST', { name: name(first), rule: rule(first.terms.slice(0, 4)), destinations: [destination] });
  await json(`${api}/watches`, 'POST', { name: `${name(second)}, in English`, rule: rule(second.terms.slice(0, 3), { languages: ['en'] }) });
  const meaning = { text: 'a bridge or a road is closed' };
  await json(`${api}/watches`, 'POST', { name: 'Closed roads, by meaning', rule: { meaning, threshold } });
  return made.id;
}

/** A configuration of fonts: the machine's, and those of the wheels that reports are printed with. */
function fonts() {
  const program = 'import sys, pathlib; from services.worker.render.child import font_folders; print("\\n".join(font_folders(pathlib.Path(sys.argv[1]))))';
  const folders = execFileSync(options.python, ['-c', program, join(folder, 'fonts')], { cwd: REPOSITORY, encoding: 'utf8' });
  const named = folders.trim().split('\n').map((one) => `<dir>${one}</dir>`).join('');
  const file = join(folder, 'fonts.conf');
  writeFileSync(file, `<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>${named}</fontconfig>`);
  return file;
}

async function picture(browser, scene, theme, page) {
  const context = await browser.newContext({ viewport: SIZE, colorScheme: theme });
  context.setDefaultTimeout(2 * MINUTE); // a machine that does other things as well
  const view = await context.newPage();
  await view.goto(page + scene.path);
  await view.locator(scene.shows).first().waitFor();
  await view.waitForTimeout(2500); // fonts, and a first round of live posts
  await scene.act?.(view);
  const target = scene.only ? view.locator(scene.only) : view;
  await target.screenshot({ path: join(options.out, `${scene.name}-${theme}.png`) });
  await context.close();
}

try {
  mkdirSync(options.out, { recursive: true });
  const page = options.address ?? (await prepare());
  const { watch, alert, topic, scout, dive, daily, alone } = await made(page);
  const scenes = [
    { name: 'gap', path: '/', shows: '.plot canvas', only: 'section[aria-labelledby="momentum-title"]' },
    { name: 'watches', path: '/watches', shows: 'article' },
    { name: 'backtest', path: `/watches/${watch}`, shows: 'form', act: async (view) => {
      await view.getByLabel('Try it on').selectOption({ label: 'the last 6 hours' });
      await view.getByRole('button', { name: 'Try', exact: true }).click();
      await view.getByText('would have fired').waitFor();
      await view.waitForTimeout(600);
    } },
    { name: 'alert', path: `/alerts/${alert}`, shows: 'article' },
    { name: 'feeds', path: '/feeds?range=1h', shows: 'article', act: async (view) => {
      await view.getByText('Interruptions and gaps').first().click();
      await view.getByText('Interruptions, newest first').waitFor();
    } },
  ];
  const [light, look] = [true, true];
  const words = encodeURIComponent(topic.terms.slice(0, 2).join(' '));
  scenes.push(
    { name: 'search', path: `/search?q=${words}`, shows: 'mark', light },
    { name: 'search-filters', path: `/search?q=${words}&language=en&within=24h&linked=true&sort=time`, shows: '.page', light },
    { name: 'map', path: '/map', shows: '[role="group"] a', light },
    { name: 'agents', path: '/agents', shows: 'article, form', look },
    { name: 'run-live', path: '/agents?agent=scout', shows: 'form', light, act: async (view) => {
      await view.getByLabel('Question').fill(QUESTION);
      await view.getByLabel('Question').press('Control+Enter');
      await view.getByText('Calling topic_posts').first().waitFor();
      await view.waitForTimeout(600);
    } },
    { name: 'run-done', path: `/runs/${scout.run}`, shows: 'h2', look },
    { name: 'pipeline-run', path: `/runs/${dive.run}`, shows: 'h2', light },
    { name: 'report', path: `/reports/${daily.id}`, shows: 'article, h1', light },
    { name: 'report-alone', path: `/reports/${alone.id}`, shows: 'article, h1', look },
    { name: 'reports', path: '/reports', shows: 'h1', look },
    { name: 'figures', path: '/figures', shows: 'h1', light },
    { name: 'models', path: '/models', shows: 'h1', light },
  );
  const wanted = options.only?.split(',');
  const env = { ...process.env, FONTCONFIG_FILE: fonts() };
  const browser = await chromium.launch({ executablePath: options.chromium, env, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  for (const scene of scenes.filter((one) => (wanted ? wanted.includes(one.name) : options.look || !one.look))) {
    for (const theme of scene.light && !options.look ? ['light'] : ['light', 'dark']) await picture(browser, scene, theme, page);
    console.log(`${scene.name} done`);
  }
  await browser.close();
} finally {
  while (children.length) await stop();
  rmSync(folder, { recursive: true, force: true });
}
