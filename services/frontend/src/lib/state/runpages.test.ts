// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { RunPages } from './runpages.svelte';

// The client keeps the `fetch` that is there when it is made.
const server = vi.hoisted(() => {
  const answer: { fetch: (request: Request) => Promise<Response> } = { fetch: () => Promise.reject(new TypeError('nobody answers')) };
  globalThis.fetch = ((request: Request) => answer.fetch(request)) as typeof fetch;
  return answer;
});

let asked: string[];
let total: number;

/** `total` runs, newest first, as the server pages them. */
function answer(request: Request): Response {
  const query = new URL(request.url).searchParams;
  asked.push(query.toString());
  const limit = Number(query.get('limit'));
  const from = query.has('before') ? Number(query.get('before')) - 1 : total;
  const numbers = Array.from({ length: Math.min(limit, from) }, (_, i) => from - i);
  const runs = numbers.map((n) => ({ id: String(n), created_at: new Date(n * 1000).toISOString() }));
  const next = from > limit ? String(numbers.at(-1)) : null;
  return new Response(JSON.stringify({ runs, next }), { status: 200, headers: { 'content-type': 'application/json' } });
}

const ids = (pages: RunPages): string => pages.runs.map((run) => run.id).join(' ');

beforeEach(() => {
  [asked, total] = [[], 5];
  server.fetch = async (request) => answer(request);
});

describe('runs from the server', () => {
  it('are asked for with the filter, page by page, to the last', async () => {
    const pages = new RunPages({ agent: 'scout', status: 'open' }, 2);
    await pages.first.refresh();
    expect(asked).toEqual(['agent=scout&status=open&limit=2']);
    await pages.readMore();
    await pages.readMore();
    expect(ids(pages)).toBe('5 4 3 2 1');
    expect(pages.more).toBe(false);
    await pages.readMore();
    expect(asked).toHaveLength(3);
  });

  it('keep what was read when new ones come', async () => {
    const pages = new RunPages({}, 2);
    await pages.first.refresh();
    await pages.readMore();
    total = 6;
    await pages.first.refresh();
    expect(ids(pages)).toBe('6 5 4 3 2');
    expect(pages.more).toBe(true);
  });

  it('begin anew with another filter, and not with the same', async () => {
    const pages = new RunPages({}, 2);
    await pages.ask({});
    await pages.readMore();
    await pages.ask({});
    expect(ids(pages)).toBe('5 4 3 2');
    const other = pages.ask({ kind: 'briefing' });
    expect(ids(pages)).toBe('5 4 3 2'); // what was there stays until the answer comes
    await pages.readMore();
    await other;
    expect(asked.at(-1)).toBe('kind=briefing&limit=2');
    expect(ids(pages)).toBe('5 4');
  });

  it('say what went wrong with an older page, and stay', async () => {
    const pages = new RunPages({}, 2);
    await pages.first.refresh();
    server.fetch = () => Promise.reject(new TypeError('away'));
    await pages.readMore();
    expect(pages.reading.problem?.what).toContain('did not answer');
    expect(ids(pages)).toBe('5 4');
  });
});
