// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Asking } from './asking.svelte';
import { FollowedRun } from './run.svelte';

// The client keeps the `fetch` that is there when it is made.
const server = vi.hoisted(() => {
  const answer: { fetch: (request: Request) => Promise<Response> } = { fetch: () => Promise.reject(new TypeError('nobody answers')) };
  globalThis.fetch = ((request: Request) => answer.fetch(request)) as typeof fetch;
  return answer;
});

const run = { id: 'r1', kind: 'agent', agent: 'scout', status: 'running', steps: [], report: null, error: null, spend_nano_usd: 0 };
let lines: ReadableStreamDefaultController<Uint8Array>[];
let asked: (string | null)[];
let followed: FollowedRun;
let calls: Request[];

async function say(name: string, data: unknown, id?: number): Promise<void> {
  const text = `${id ? `id: ${id}\n` : ''}event: ${name}\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
  lines.at(-1)?.enqueue(new TextEncoder().encode(text));
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(async () => {
  vi.useFakeTimers();
  [lines, asked, calls] = [[], [], []];
  server.fetch = async (request) => {
    calls.push(request);
    return new Response(JSON.stringify({ ...run, status: request.method === 'POST' ? 'queued' : 'running' }), { status: 200, headers: { 'content-type': 'application/json' } });
  };
  followed = new FollowedRun('r1', {
    random: () => 0.5,
    connect: async (after) => {
      asked.push(after);
      return new Response(new ReadableStream<Uint8Array>({ start: (line) => void lines.push(line) }));
    },
  });
  followed.start();
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  followed.stop();
  vi.useRealTimers();
});

const shown = (): unknown[] => followed.steps.map(({ n, status }) => `${n} ${status}`);

describe('FollowedRun', () => {
  it('replaces a step rather than repeating it, over a cut of the line', async () => {
    await say('step', { n: 1, name: '1-ask', title: 'Asking', status: 'running' }, 1);
    expect(followed.said).toBe('Asking: running.');
    lines.at(-1)?.error(new TypeError('cut'));
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([null, '1']);
    await say('step', { n: 1, name: '1-ask', title: 'Asking', status: 'done' }, 2);
    await say('step', { n: 2, name: '2-posts', status: 'running' }, 3);
    expect(shown()).toEqual(['1 done', '2 running']);
  });

  it('takes the state of the run and its end, with what was written', async () => {
    await say('run', { run: 'r1', status: 'needs_approval', error: null, report: null, spend_nano_usd: 5, limit_nano_usd: 9 });
    expect(followed.status).toBe('needs_approval');
    await say('end', { status: 'done', error: null, report: 'p1' });
    expect([followed.status, followed.report, followed.following]).toEqual(['done', 'p1', 'over']);
    expect(followed.said).toBe('The run is done.');
  });

  it('minds neither garbage nor what a newer server says', async () => {
    for (const data of ['{', 'null', '[]', '7', '{"n":"x"}']) await say('step', data);
    await say('weather', { sunny: true });
    await say('step', { n: 1, name: '1-x', status: 'hibernating', mood: 'good' }, 4);
    expect(shown()).toEqual(['1 hibernating']);
    expect(followed.said).toBe('1-x: hibernating.');
    expect(followed.run?.agent).toBe('scout');
  });

  it('forgets steps from which it is done again, and follows anew', async () => {
    await say('step', { n: 1, name: '1-x', status: 'done' }, 1);
    await say('step', { n: 2, name: '2-x', status: 'done' }, 2);
    await say('end', { status: 'done', error: null, report: 'p1' });
    await followed.retry('2-x');
    await vi.advanceTimersByTimeAsync(0);
    expect(await calls.at(-1)?.json()).toEqual({ from_step: '2-x' });
    expect([followed.status, followed.report]).toEqual(['queued', null]);
    expect(asked).toEqual([null, '2']);
    await say('gone', { n: 2 }, 3);
    expect(shown()).toEqual(['1 done']);
  });
});

describe('Asking', () => {
  it('sends nothing that is too short, and says so only once somebody tried', async () => {
    const draft = new Asking();
    expect(draft.wrong).toBeNull();
    expect(await draft.send()).toBeNull();
    expect(draft.wrong).toContain('three letters');
    expect(calls.filter((call) => call.method === 'POST')).toHaveLength(0);
    Object.assign(draft, { question: '  What is new?  ', topic: 't1', agent: 'scout' });
    expect((await draft.send())?.id).toBe('r1');
    expect(new URL(calls.at(-1)?.url ?? '').pathname).toBe('/api/v1/agents/scout/runs');
    expect(await calls.at(-1)?.json()).toEqual({ question: 'What is new?', topic: 't1' });
    expect(draft.question).toBe('');
  });
});
