/**
 * Screenshots of every page in both themes and on a phone, with an accessibility check of each.
 *
 *   npm run build && npm run shots -- --out /tmp/shots [--only overview] [--chromium /usr/bin/chromium]
 *
 * Exits 1 when axe finds a violation or the browser's console shows an error.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { startFake } from './fake-api.mjs';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'shots' },
    only: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const sizes = { 1440: { width: 1440, height: 900 }, 390: { width: 390, height: 844 } };
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const scenes = [
  { name: 'overview', path: '/', world: {} },
  { name: 'overview-calm', path: '/?range=15m', world: { calm: true } },
  { name: 'overview-6h', path: '/?range=6h', world: {} },
  { name: 'listening', path: '/', world: { calm: true, listening: true } },
  { name: 'many-feeds', path: '/', world: { calm: true, listening: true, many: true }, act: async (page) => {
    if (page.viewportSize().width > 760) await page.getByRole('link', { name: 'more feeds' }).waitFor();
  } },
  { name: 'offline', path: '/?range=15m', world: { calm: true }, act: async (page, fake) => {
    fake.cut();
    await page.getByText('Offline', { exact: true }).waitFor();
    await page.waitForTimeout(4000);
  } },
  { name: 'first-run', path: '/', world: { calm: true, fresh: true }, act: async (page) => {
    await page.getByRole('region', { name: 'First steps' }).getByText('Step 3 of 4').waitFor();
  } },
  { name: 'status', path: '/', world: {}, act: async (page) => {
    await page.getByRole('button', { name: 'Status' }).first().click();
    await page.getByText('Vector index: degraded').waitFor();
  } },
  { name: 'map', path: '/map', world: { calm: true } },
  { name: 'map-part', path: '/map', world: {}, act: async (page) => {
    await page.getByRole('group', { name: 'Map of the conversations' }).getByRole('link').first().focus();
  } },
  { name: 'map-empty', path: '/map', world: { calm: true, listening: true } },
  { name: 'map-off', path: '/map', world: { calm: true, meaningless: true } },
  { name: 'cluster', path: '/map/c0', world: { calm: true } },
  { name: 'cluster-ended', path: '/map/gone', world: { calm: true } },
  { name: 'posts', path: '/posts', world: { calm: true } },
  { name: 'search', path: '/search?q=power%20cut%20in%20benfica', world: { calm: true } },
  { name: 'search-text', path: '/search?q=power', world: {} },
  { name: 'search-empty', path: '/search?q=zzz', world: { calm: true } },
  { name: 'search-none', path: '/search?q=zzz&language=pt&within=1h', world: { calm: true } },
  { name: 'search-start', path: '/search', world: { calm: true } },
  { name: 'search-filters', path: '/search?q=power%20outage&language=en&within=24h&linked=true&author=did:plc:2swzczvsjbxslv3eqrmtwgbh&topic=lisbon-outage', world: { calm: true } },
  { name: 'search-like', path: '/search?like=', world: { calm: true }, act: async (page) => {
    await page.goto(new URL('/search?q=power', page.url()).href);
    await page.getByRole('link', { name: 'More like this' }).first().click();
    await page.getByRole('heading', { name: 'More like this post' }).waitFor();
    await page.waitForTimeout(400);
  } },
  { name: 'topic', path: '/topics/lisbon-outage', world: {} },
  { name: 'topic-running', path: '/topics/lisbon-outage', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Make a briefing' }).click();
    await page.getByText('6 chosen in 4 languages').waitFor();
  } },
  { name: 'topic-done', path: '/topics/lisbon-outage', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Make a briefing' }).click();
    await page.getByRole('link', { name: 'Open PDF' }).waitFor();
  } },
  { name: 'topic-failed', path: '/topics/comet', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Make a briefing' }).click();
    await page.getByText('The briefing failed.').waitFor();
  } },
  { name: 'topic-missing', path: '/topics/nothing', world: { calm: true } },
  { name: 'report', path: '/reports/report-earlier', world: {} },
  { name: 'report-charts', path: '/reports/report-charts', world: {} },
  { name: 'reports', path: '/reports', world: {} },
  { name: 'watches', path: '/watches', world: {} },
  { name: 'destinations', path: '/watches', world: {}, act: async (page) => {
    await page.getByRole('button', { name: 'Add', exact: true }).scrollIntoViewIfNeeded();
  } },
  { name: 'watches-empty', path: '/watches', world: { calm: true, listening: true } },
  { name: 'watch-new', path: '/watches/new', world: { calm: true } },
  { name: 'watch-phrases', path: '/watches/new?q=power%20cut', world: { calm: true, meaningless: true }, act: async (page) => {
    await page.getByLabel('hold any of', { exact: true }).fill('"Hello, world", 停電、10,000 dead, and one whose words go on and on until they need a line of their own,blackout');
    await page.getByText('and one whose words').first().waitFor();
  } },
  { name: 'watch-backtest', path: '/watches/outages', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await page.getByText('would have fired').waitFor();
    await page.waitForTimeout(600);
  } },
  { name: 'models', path: '/models', world: {}, act: async (page) => {
    const broken = await page.locator('td time').evaluateAll((times) => times.filter((time) => time.getClientRects().length > 1).length);
    if (broken > 0) throw new Error(`${broken} times of calls break over lines`);
  } },
  { name: 'models-calls', path: '/models', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Older calls' }).scrollIntoViewIfNeeded();
  } },
  { name: 'agents', path: '/agents', world: { calm: true } },
  { name: 'agents-topic', path: '/agents?topic=lisbon-outage&agent=fact-checker', world: {}, act: async (page) => {
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    await page.getByText('Write a question of at least three letters.').waitFor();
  } },
  { name: 'agents-away', path: '/agents?status=failed', world: { away: true } },
  { name: 'agents-none', path: '/agents', world: { calm: true, listening: true } },
  { name: 'agents-older', path: '/agents?by=daily-briefing', world: { calm: true } },
  { name: 'pipelines', path: '/pipelines', world: { calm: true } },
  { name: 'pipelines-dive', path: '/pipelines?pipeline=deep-dive&topic=lisbon-outage', world: {} },
  { name: 'pipelines-live', path: '/pipelines', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.keyboard.press('Control+Enter');
    await page.getByText('an answer broke its contract').waitFor();
    await page.waitForTimeout(300);
  } },
  { name: 'pipelines-done', path: '/pipelines?run=pipe-done', world: { calm: true } },
  { name: 'pipelines-plain', path: '/pipelines?run=pipe-plain', world: {} },
  { name: 'pipelines-failed', path: '/pipelines?pipeline=source-audit&run=pipe-failed', world: { calm: true } },
  { name: 'pipelines-wrong', path: '/pipelines?pipeline=source-audit', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.getByLabel('A site').check();
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.getByText('Write a site that posts link to').waitFor();
  } },
  { name: 'pipelines-schedule', path: '/pipelines?pipeline=weekly-report', world: { calm: true }, act: async (page) => {
    await page.getByRole('button', { name: 'Schedule it' }).click();
    await page.getByLabel('Fri').check();
    await page.getByText('; then').waitFor();
    await page.getByRole('button', { name: /Remove.*Daily/ }).click();
    await page.getByRole('button', { name: 'Keep it' }).waitFor();
  } },
  { name: 'pipelines-bare', path: '/pipelines', world: { calm: true, bare: true } },
  { name: 'pipelines-none', path: '/pipelines', world: { calm: true, listening: true } },
  { name: 'pipelines-away', path: '/pipelines', world: { away: true } },
  { name: 'run-pipeline', path: '/runs/pipe-done', world: { calm: true } },
  { name: 'run-live', path: '/agents', world: { calm: true }, act: async (page) => {
    await page.getByLabel('Question').fill('What do people in Lisbon say about the power cut?');
    await page.getByLabel('Question').press('Control+Enter');
    await page.getByText('Calling topic_posts').first().waitFor();
    await page.getByText('What was asked').nth(1).click();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  } },
  { name: 'run-done', path: '/runs/ask-done', world: { calm: true } },
  { name: 'run-approval', path: '/runs/ask-waits', world: {} },
  { name: 'run-human', path: '/runs/ask-lost', world: { calm: true } },
  { name: 'run-failed', path: '/runs/ask-failed', world: { calm: true } },
  { name: 'run-missing', path: '/runs/nothing', world: { calm: true } },
  { name: 'figures', path: '/figures', world: { calm: true } },
  { name: 'figures-none', path: '/figures', world: { calm: true, listening: true } },
  { name: 'models-calm', path: '/models', world: { calm: true } },
  { name: 'models-none', path: '/models', world: { calm: true, listening: true } },
  { name: 'spend', path: '/spend', world: {} },
  { name: 'spend-none', path: '/spend', world: { calm: true, listening: true } },
  { name: 'system', path: '/system', world: {} },
  { name: 'system-calm', path: '/system', world: { calm: true } },
  { name: 'settings', path: '/settings', world: {} },
  { name: 'settings-token', path: '/settings', world: { calm: true }, act: async (page) => {
    await page.getByLabel('Name').first().fill('Weekly numbers');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('it cannot be read again').waitFor();
  } },
  { name: 'palette', path: '/', world: {}, act: async (page) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('wa');
    await page.getByRole('option', { name: /Watches/ }).waitFor();
  } },
  { name: 'shortcuts', path: '/', world: { calm: true }, act: async (page) => {
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Shortcuts' }).waitFor();
  } },
  { name: 'feeds', path: '/feeds?range=1h', world: {}, act: async (page) => {
    await page.getByText('Interruptions and gaps').first().click();
    await page.getByText('Interruptions, newest first').waitFor();
  } },
  { name: 'alert', path: '/alerts/a1', world: { calm: true } },
  { name: 'sign-in', path: '/', world: { token: 'secret' } },
];

let failures = 0;

async function shoot(browser, scene, theme, width) {
  const fake = await startFake(scene.world);
  const context = await browser.newContext({ viewport: sizes[width], deviceScaleFactor: width === '390' ? 2 : 1, colorScheme: theme, hasTouch: width === '390', bypassCSP: false });
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        // The live list moves down on purpose whenever posts arrive.
        const loading = entry.sources.some(({ node }) => !(node?.parentElement ?? node)?.closest('.list'));
        if (loading && !entry.hadRecentInput) globalThis.shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const label = `${scene.name}-${theme}-${width}`;
  page.on('console', (message) => {
    const expected = /401|404|WebSocket connection/.test(message.text());
    if (message.type() === 'error' && !expected) report(label, `console: ${message.text()}`);
  });
  page.on('pageerror', (error) => report(label, `page error: ${error.stack}`));
  try {
    await page.goto(`http://127.0.0.1:${fake.port}${scene.path}`);
    await page.waitForTimeout(2500);
    const shift = await page.evaluate('shift');
    if (shift > 0.05) report(label, `the layout shifted by ${shift.toFixed(3)} while loading`);
    await scene.act?.(page, fake);
    await page.screenshot({ path: `${options.out}/${label}.png` });
    await check(page, label);
  } catch (error) {
    report(label, String(error));
  } finally {
    await context.close();
    fake.close();
  }
}

async function check(page, label) {
  const result = await page.evaluate(`(() => { ${axe}; return axe.run(document, { resultTypes: ['violations'] }); })()`);
  for (const violation of result.violations) {
    const nodes = violation.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`);
    report(label, `axe ${violation.id}: ${nodes.join(' | ')}`);
  }
  const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  if (wide > 0) report(label, `the page is ${wide} px wider than the window`);
}

function report(label, text) {
  failures++;
  console.error(`${label}: ${text}`);
}

mkdirSync(options.out, { recursive: true });
const browser = await chromium.launch({ executablePath: options.chromium, args: flags });
for (const scene of scenes) {
  if (options.only && !scene.name.startsWith(options.only)) continue;
  for (const theme of ['light', 'dark']) {
    for (const width of Object.keys(sizes)) await shoot(browser, scene, theme, width);
  }
  console.log(`${scene.name} done`);
}
await browser.close();
console.log(failures ? `${failures} problems` : 'no problems');
process.exitCode = failures ? 1 : 0;
