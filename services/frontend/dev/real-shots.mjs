/**
 * Pictures for the documentation, from the real stack: simulator, engines, relay, API and worker.
 *
 *   npm run build && npm run real-shots -- --out ../../docs/images [--chromium /usr/bin/chromium]
 *
 * While the relay reads the past, the simulator cuts the connection, lets nobody in, and forgets the next minutes: the gap
 * on the pictures is one that was found and recorded. A watch is saved, alerts, and tells a receiver on this machine.
 * Posts come in six scripts: without fonts for them chromium draws boxes.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'real-shots' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    groundswell: { type: 'string', default: new URL('../../../.venv/bin/groundswell', import.meta.url).pathname },
  },
});
const MINUTE = 60_000;
const SIZE = { width: 1440, height: 900 };
const HISTORY_MINUTES = 90;
/** Where the reading of the past is cut, and how much is forgotten then. */
const CUT_MINUTES_AGO = 38;
const FORGOTTEN_MINUTES = 6;
/** A cursor that did not move for so long has come to the end of what was read. */
const STILL_MS = 8000;

const children = [];
const folder = mkdtempSync(join(tmpdir(), 'groundswell-pictures-'));
chmodSync(folder, 0o755); // closed to the engine's user, its files would be put elsewhere and stay there

/** Starts the command and waits for the line that tells its address. */
function start(args, environment, address) {
  const child = spawn(options.groundswell, args, { env: { ...process.env, ...environment } });
  children.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (data) => {
      said += data;
      const found = address.exec(said);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`groundswell ${args[0]} ended with code ${code}:\n${said}`)));
  });
}

async function json(url, method = 'GET', body = undefined) {
  const answer = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Asks until there is an answer that counts. */
async function until(what, ask, everyMs = 500, forMs = 6 * MINUTE) {
  const end = Date.now() + forMs;
  while (Date.now() < end) {
    const found = await ask();
    if (found) return found;
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
  const simulate = ['simulate', '--port', '0', '--rate', '60', '--seed', '7', '--history-minutes', String(HISTORY_MINUTES)];
  const feed = await start([...simulate, '--control'], {}, /Serving (\S+)/);
  const second = await start(['simulate', '--port', '0', '--rate', '4', '--wire', 'nostr', '--history-minutes', '20'], {}, /Serving (\S+)/);
  const settings = { GROUNDSWELL_FEED_URL: feed, GROUNDSWELL_FEED_NAME: 'simulated', GROUNDSWELL_FEED_BACKFILL_MINUTES: String(HISTORY_MINUTES - 5) };
  const page = await start(['up', '--source', 'jetstream', '--port', '0', '--data', folder], settings, /Groundswell: (\S+)/);
  const api = `${page}/api/v1`;
  await cut(api, feed.replace(/^ws/, 'http').replace(/\/subscribe.*/, '/control'));
  await json(`${api}/feeds`, 'POST', { id: 'simulated-nostr', kind: 'nostr', url: second, backfill_minutes: 15 });
  const chat = await json(`${api}/destinations`, 'POST', { name: 'Team chat', kind: 'apprise', url: `json://127.0.0.1:${receiver.address().port}` });
  await until('all feeds to be live', async () => (await json(`${api}/feeds`)).feeds.every((known) => known.status === 'live'));
  const topics = await until('topics', async () => {
    const found = (await json(`${api}/topics`)).topics;
    return found.length >= 3 && found;
  });
  const watch = await save(api, topics, chat.id);
  const alert = await until('an alert that was sent', async () => {
    const { alerts } = await json(`${api}/alerts`);
    return alerts.find((known) => known.watch === watch && known.deliveries[0]?.state === 'sent');
  });
  return { page, watch, alert: alert.id };
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

async function picture(browser, scene, theme, page) {
  const context = await browser.newContext({ viewport: SIZE, colorScheme: theme });
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
  const { page, watch, alert } = await prepare();
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
  const browser = await chromium.launch({ executablePath: options.chromium, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  for (const scene of scenes) {
    for (const theme of ['light', 'dark']) await picture(browser, scene, theme, page);
    console.log(`${scene.name} done`);
  }
  await browser.close();
} finally {
  for (const child of children.toReversed()) {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}
