/**
 * Measures the dashboard in headless Chromium against the bars it has to keep, on the stand-in API:
 *
 *   make ui-bench            (or: npm run build && npm run ui-bench -- [--only load,live,memory,axe])
 *
 * Initial JavaScript, first content, frames at 100 posts/s beside a chart of 50 points/s, a burst of 500 posts/s, memory
 * over an hour of stream that is sent faster, and what axe finds on every page in both themes. Exits 1 when a bar is missed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { startFake } from './fake-api.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'load,live,memory,axe' },
    chromium: { type: 'string', default: process.env.CHROMIUM ?? '/usr/bin/chromium' },
  },
});
const parts = options.only.split(',');
const BARS = { script_kb: 120, first_content_ms: 1000, fps: 55, heap_growth_mb: 10, axe_violations: 0, csp_violations: 0 };
const SECONDS = 8;
const HOUR_OF_POSTS = 3600 * 14;
const PAGES = ['/', '/posts', '/map', '/map/c0', '/search', '/search?q=power', '/topics/lisbon-outage', '/watches', '/watches/new',
  '/watches/outages', '/alerts/a1', '/reports', '/reports/report-charts', '/agents', '/runs/ask-done', '/pipelines', '/figures', '/models',
  '/spend', '/feeds', '/system', '/settings', '/nothing'];
const dist = new URL('../dist/', import.meta.url);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--enable-precise-memory-info', '--js-flags=--expose-gc'];

let missed = 0;

/** Prints a figure beside its bar; `better` is which side of the bar is the good one. */
function told(name, value, unit, bar, better = 'below') {
  const good = better === 'below' ? value <= bar : value >= bar;
  if (!good) missed++;
  const shown = Number.isInteger(value) ? value : value.toFixed(1);
  console.log(`${good ? 'ok    ' : 'MISSED'}  ${name.padEnd(48)} ${String(shown).padStart(8)} ${unit}   (at ${better === 'below' ? 'most' : 'least'} ${bar})`);
}

async function opened(browser, fake, path = '/', more = {}) {
  const { hurried, ...others } = more;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...others });
  const page = await context.newPage();
  if (hurried) await page.addInitScript(hurry);
  const refused = [];
  page.on('console', (message) => /Content Security Policy/i.test(message.text()) && refused.push(message.text()));
  await page.goto(`http://127.0.0.1:${fake.port}${path}`);
  return { context, page, refused };
}

/** The chart reads and draws anew every five seconds; here that is done ten times a second: five lines, 50 points a second. */
function hurry() {
  const own = globalThis.setTimeout;
  globalThis.setTimeout = (call, wait = 0, ...rest) => own(call, wait > 1000 && wait <= 5000 ? 55 : wait, ...rest);
}

/** What index.html names and what those import at once, gzipped. What is imported later is not initial. */
function initialScript() {
  const html = readFileSync(new URL('index.html', dist), 'utf8');
  const wanted = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
  const seen = new Set();
  let bytes = 0;
  while (wanted.length) {
    const name = wanted.pop();
    if (seen.has(name) || !existsSync(new URL(name, dist))) continue;
    seen.add(name);
    const text = readFileSync(new URL(name, dist), 'utf8');
    bytes += gzipSync(text, { level: 9 }).length;
    for (const match of text.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) wanted.push(`assets/${match[1]}`);
  }
  return bytes / 1024;
}

async function measureLoad(browser) {
  told('Initial JavaScript, gzipped', initialScript(), 'KB', BARS.script_kb);
  const fake = await startFake({ calm: true });
  const times = [];
  for (let i = 0; i < 5; i++) {
    const { context, page } = await opened(browser, fake);
    await page.getByRole('region', { name: 'What stands out' }).getByRole('link').first().waitFor();
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity));
    await context.close();
  }
  fake.close();
  told('First content on loopback, median of 5', times.sort((a, b) => a - b)[2], 'ms', BARS.first_content_ms);
}

/** Frames over some seconds: how many a second, and the 95th percentile of their distance. */
function frames(page, seconds) {
  return page.evaluate(
    (length) =>
      new Promise((done) => {
        const gaps = [];
        const began = performance.now();
        let last = began;
        const step = (now) => {
          gaps.push(now - last);
          last = now;
          if (now - began < length) requestAnimationFrame(step);
          else {
            gaps.sort((a, b) => a - b);
            done({ fps: (1000 * gaps.length) / (now - began), p95: gaps[Math.floor(gaps.length * 0.95)] });
          }
        };
        requestAnimationFrame(step);
      }),
    seconds * 1000,
  );
}

async function measureLive(browser) {
  for (const [rate, name] of [[100, '100 posts/s and a chart of 50 points/s'], [500, 'a burst of 500 posts/s']]) {
    const fake = await startFake({ calm: true, rate: 1 });
    const { context, page } = await opened(browser, fake, '/?range=15m', { hurried: rate === 100 });
    let drawn = 0;
    page.on('response', (response) => response.url().includes('/api/v1/momentum') && drawn++);
    await page.getByRole('region', { name: 'Live posts' }).getByRole('article').first().waitFor();
    await page.waitForTimeout(1500);
    const stop = pour(fake, rate, rate === 100 ? 50 : 0);
    await page.waitForTimeout(1000);
    drawn = 0;
    const found = await frames(page, SECONDS);
    stop();
    told(`Frames at ${name}`, found.fps, 'fps', BARS.fps, 'above');
    console.log(`        95 % of frames came within ${found.p95.toFixed(1)} ms; the chart was drawn ${(drawn / SECONDS).toFixed(1)} times a second`);
    await context.close();
    fake.close();
  }
}

/** Sends posts in ten batches a second, and topics `points` times a second in all: each redraws the chart. */
function pour(fake, rate, points) {
  const batch = setInterval(() => {
    const posts = Array.from({ length: rate / 10 }, () => fake.world.makePost(Date.now()));
    fake.world.tell({ type: 'posts', feed: 'jetstream', posts, total: posts.length });
  }, 100);
  const chart = points ? setInterval(() => fake.world.tell({ type: 'topics', topics: fake.world.topics(), as_of: new Date().toISOString() }), 4000 / points) : 0;
  return () => [batch, chart].forEach(clearInterval);
}

async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize / 1e6;
}

async function measureMemory(browser) {
  const fake = await startFake({ calm: true, rate: 1 });
  const { context, page } = await opened(browser, fake);
  await page.getByRole('region', { name: 'Live posts' }).getByRole('article').first().waitFor();
  const send = async (count) => {
    for (let sent = 0; sent < count; sent += 100) {
      const posts = Array.from({ length: 100 }, () => fake.world.makePost(Date.now()));
      fake.world.tell({ type: 'posts', feed: 'jetstream', posts, total: 1000 });
      if (sent % 1400 === 0) fake.world.tell({ type: 'topics', topics: fake.world.topics(), as_of: new Date().toISOString() });
      await page.waitForTimeout(40);
    }
    await page.waitForTimeout(1500);
  };
  await send(3000); // buffers fill first: what is bounded is no growth
  const before = await heap(page);
  await send(HOUR_OF_POSTS);
  const after = await heap(page);
  told('Memory grown by an hour of posts, sent faster', after - before, 'MB', BARS.heap_growth_mb);
  console.log(`        ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after ${HOUR_OF_POSTS} posts`);
  await context.close();
  fake.close();
}

async function measureAxe(browser) {
  let violations = 0;
  let refusals = 0;
  for (const path of PAGES) {
    const fake = await startFake({ rate: 1 });
    const { context, page, refused } = await opened(browser, fake, path, { reducedMotion: 'reduce' });
    await page.locator('main h1, main h2').first().waitFor();
    await page.waitForTimeout(700);
    for (const theme of ['light', 'dark']) {
      await page.evaluate((wanted) => void (document.documentElement.dataset.theme = wanted), theme);
      const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { resultTypes: ['violations'] }); })()`);
      for (const { id, nodes } of found.violations) console.error(`        ${path} ${theme}: ${id} ${nodes[0]?.target.join(' ')}`);
      violations += found.violations.length;
    }
    for (const text of refused) console.error(`        ${path}: ${text}`);
    refusals += refused.length;
    await context.close();
    fake.close();
  }
  told(`axe violations on ${PAGES.length} pages, both themes`, violations, '', BARS.axe_violations);
  told('What the content policy refused on them', refusals, '', BARS.csp_violations);
}

const measures = { load: measureLoad, live: measureLive, memory: measureMemory, axe: measureAxe };
const unknown = parts.filter((part) => !(part in measures));
if (unknown.length) throw new Error(`--only takes ${Object.keys(measures).join(', ')}; not ${unknown.join(', ')}`);
for (const part of parts) {
  const browser = await chromium.launch({ executablePath: options.chromium, args: flags });
  await measures[part](browser);
  await browser.close();
}
console.log(missed ? `${missed} missed` : 'every bar is kept');
process.exitCode = missed ? 1 : 0;
