import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunStreamClient, type Following } from './runstream';

/** A server whose streams the test writes and cuts. */
class Server {
  readonly asked: (string | null)[] = [];
  answers: (Response | Error)[] = [];
  private line: ReadableStreamDefaultController<Uint8Array> | null = null;

  readonly connect = async (after: string | null): Promise<Response> => {
    this.asked.push(after);
    const given = this.answers.shift();
    if (given instanceof Error) throw given;
    if (given) return given;
    return new Response(new ReadableStream<Uint8Array>({ start: (line) => void (this.line = line) }));
  };

  async say(text: string): Promise<void> {
    this.line?.enqueue(new TextEncoder().encode(text));
    await vi.advanceTimersByTimeAsync(0);
  }

  step(id: number): Promise<void> {
    return this.say(`id: ${id}\r\nevent: step\r\ndata: {"n":${id},"name":"${id}-x"}\r\n\r\n`);
  }

  async cut(): Promise<void> {
    this.line?.error(new TypeError('network error'));
    await vi.advanceTimersByTimeAsync(0);
  }

  async close(): Promise<void> {
    this.line?.close();
    await vi.advanceTimersByTimeAsync(0);
  }
}

let server: Server;
let client: RunStreamClient;
let heard: string[];
let states: Following[];
let refusals: number[];

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  [heard, states, refusals] = [[], [], []];
  client = new RunStreamClient(
    { event: ({ name, id }) => heard.push(`${name} ${id}`), state: (state) => states.push(state), refused: (status) => refusals.push(status) },
    { connect: server.connect, random: () => 0.5 },
  );
});

afterEach(() => {
  client.stop();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  client.start();
  await vi.advanceTimersByTimeAsync(0);
}

describe('RunStreamClient', () => {
  it('goes on behind the last number after a cut, without a word about a short one', async () => {
    await start();
    await server.step(1);
    await server.step(2);
    await server.cut();
    await vi.advanceTimersByTimeAsync(500);
    expect(server.asked).toEqual([null, '2']);
    await server.step(3);
    expect(heard).toEqual(['step 1', 'step 2', 'step 3']);
    expect(states).toEqual(['connecting', 'live']);
  });

  it('keeps its place through a state of the run, which has no number', async () => {
    await start();
    await server.step(4);
    await server.say('event: run\r\ndata: {}\r\n\r\n');
    await server.cut();
    await vi.advanceTimersByTimeAsync(500);
    expect(server.asked).toEqual([null, '4']);
  });

  it('comes back when the server ends an old stream without an end', async () => {
    await start();
    await server.step(1);
    await server.close();
    await vi.advanceTimersByTimeAsync(500);
    expect(server.asked).toEqual([null, '1']);
  });

  it('waits longer each time, says that it is offline, and hurries when it is told to', async () => {
    server.answers = [new TypeError('down'), new Response('', { status: 503 }), new Response('', { status: 429 })];
    await start();
    await vi.advanceTimersByTimeAsync(500);
    expect(states).toEqual(['connecting', 'offline']);
    await vi.advanceTimersByTimeAsync(999);
    expect(server.asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.asked).toHaveLength(3);
    client.hurry();
    await vi.advanceTimersByTimeAsync(0);
    await server.step(1);
    expect(states.at(-1)).toBe('live');
  });

  it('takes a line that is silent for dead, and a heartbeat for a sign of life', async () => {
    await start();
    await server.step(1);
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(20_000);
      await server.say(': still there\r\n\r\n');
    }
    expect(server.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(25_000);
    expect(states.at(-1)).toBe('offline');
    await vi.advanceTimersByTimeAsync(500);
    expect(server.asked).toEqual([null, '1']);
  });

  it('is over at the end and asks no more, until it is begun again', async () => {
    await start();
    await server.step(1);
    await server.say('event: end\r\ndata: {"status":"done"}\r\n\r\n');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toBe('over');
    expect(server.asked).toHaveLength(1);
    await start();
    expect(server.asked).toEqual([null, '1']);
  });

  it.each([401, 403, 404])('does not ask again after %i', async (status) => {
    server.answers = [new Response('{}', { status })];
    await start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.asked).toHaveLength(1);
    expect(refusals).toEqual([status]);
    expect(states.at(-1)).toBe('refused');
  });

  it('tells nothing after it was stopped', async () => {
    await start();
    await server.step(1);
    client.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heard).toEqual(['step 1']);
    expect(server.asked).toHaveLength(1);
  });
});
