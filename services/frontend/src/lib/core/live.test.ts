import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoff, LiveClient, type Connection, type Socket } from './live';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;

  constructor(readonly after: string | null) {}

  close(): void {
    this.closed = true;
  }

  hello(change: { resumed?: boolean; missed?: boolean } = {}): void {
    this.say({ type: 'hello', id: '', resumed: false, missed: false, now: '', ...change });
  }

  beat(id: string): void {
    this.say({ type: 'beat', id, now: '', live: 'ok', reason: null });
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

let sockets: FakeSocket[];
let states: Connection[];
let missed: number;
let messages: string[];
let client: LiveClient;

const last = () => sockets[sockets.length - 1] as FakeSocket;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  states = [];
  messages = [];
  missed = 0;
  client = new LiveClient(
    {
      message: (message) => messages.push(message.type),
      state: (state) => states.push(state),
      missed: () => missed++,
    },
    {
      connect: (after) => {
        sockets.push(new FakeSocket(after));
        return last();
      },
      random: () => 0.5,
    },
  );
  client.start();
});

afterEach(() => {
  client.stop();
  vi.useRealTimers();
});

describe('LiveClient', () => {
  it('starts without a place to resume from and is live after the first message', () => {
    last().hello();
    expect(last().after).toBeNull();
    expect(states).toEqual(['live']);
    expect(missed).toBe(0);
  });

  it('resumes after the last id it saw', () => {
    last().hello();
    last().beat('041');
    last().beat('042');
    last().onclose?.();
    vi.advanceTimersByTime(600);
    expect(last().after).toBe('042');
    last().hello({ resumed: true });
    expect(missed).toBe(0);
    expect(states).toEqual(['live', 'offline', 'live']);
  });

  it.each([
    ['the server says that something is gone', { resumed: true, missed: true }],
    ['the server could not resume', { resumed: false, missed: false }],
  ])('reports missed messages when %s', (_case, hello) => {
    last().beat('1');
    last().onclose?.();
    vi.advanceTimersByTime(600);
    last().hello(hello);
    expect(missed).toBe(1);
  });

  it('takes more than 15 s of silence for a broken stream and connects again', () => {
    last().hello();
    const silent = last();
    vi.advanceTimersByTime(15_000);
    expect(states).toEqual(['live']);
    vi.advanceTimersByTime(1000);
    expect(states).toEqual(['live', 'late', 'offline']);
    expect(silent.closed).toBe(true);
    vi.advanceTimersByTime(600);
    expect(sockets).toHaveLength(2);
  });

  it('waits longer after every failure, and starts over once it was live', () => {
    const waits = [500, 1000, 2000, 4000];
    for (const wait of waits) {
      last().onclose?.();
      const before = sockets.length;
      vi.advanceTimersByTime(wait - 1);
      expect(sockets).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(sockets).toHaveLength(before + 1);
    }
    last().hello();
    last().onclose?.();
    vi.advanceTimersByTime(500);
    expect(sockets).toHaveLength(waits.length + 2);
  });

  it('ignores a frame that is not JSON and messages of a socket it gave up', () => {
    const first = last();
    first.hello();
    first.onmessage?.({ data: '{half' });
    first.onclose?.();
    vi.advanceTimersByTime(600);
    first.beat('99');
    expect(messages).toEqual(['hello']);
    last().onclose?.();
    vi.advanceTimersByTime(2000);
    expect(last().after).toBeNull();
  });

  it('tries at once when told to hurry, without a second socket later', () => {
    last().onclose?.();
    client.hurry();
    expect(sockets).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(sockets).toHaveLength(2);
  });

  it('opens nothing after it was stopped', () => {
    last().onclose?.();
    client.stop();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(1);
  });
});

describe('backoff', () => {
  it('doubles up to its limit, give or take 30 %', () => {
    expect(backoff(0, 500, 15_000, () => 0.5)).toBe(500);
    expect(backoff(3, 500, 15_000, () => 0)).toBe(2800);
    expect(backoff(60, 500, 15_000, () => 1)).toBeCloseTo(19_500);
  });
});
