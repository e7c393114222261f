/**
 * The one socket of a tab: resume after the last id, watch for silence, back off with jitter.
 *
 * Knows nothing of the interface. The server's first message is always `hello`; when it says
 * `missed`, or could not resume what we asked for, the owner is told to read its lists again.
 */
import type { LiveMessage } from '../api/types';

export type Connection = 'connecting' | 'live' | 'late' | 'offline';

export interface LiveEvents {
  message(message: LiveMessage): void;
  state(state: Connection, retryAt: number | null): void;
  missed(): void;
}

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
}

export interface LiveOptions {
  /** Opens a socket to the stream, after the given id when there is one. */
  connect(after: string | null): Socket;
  silenceMs?: number;
  firstDelayMs?: number;
  lastDelayMs?: number;
  random?: () => number;
  now?: () => number;
}

/** Doubling delay with +/- 30 % jitter, so that many tabs do not return at once. */
export function backoff(attempt: number, firstMs: number, lastMs: number, random: () => number): number {
  return Math.min(lastMs, firstMs * 2 ** Math.min(attempt, 16)) * (0.7 + random() * 0.6);
}

export class LiveClient {
  private readonly options: Required<LiveOptions>;
  private socket: Socket | null = null;
  private lastId: string | null = null;
  private heardAt = 0;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private current: Connection = 'connecting';

  constructor(
    private readonly events: LiveEvents,
    options: LiveOptions,
  ) {
    this.options = {
      silenceMs: 15_000,
      firstDelayMs: 500,
      lastDelayMs: 15_000,
      random: Math.random,
      now: Date.now,
      ...options,
    };
  }

  start(): void {
    if (this.watch !== undefined) return;
    this.watch = setInterval(() => this.checkSilence(), 1000);
    this.open();
  }

  stop(): void {
    clearInterval(this.watch);
    clearTimeout(this.retry);
    this.watch = undefined;
    this.drop();
  }

  /** Tries again now, for example when the tab becomes visible or the network returns. */
  hurry(): void {
    if (this.watch === undefined || this.current !== 'offline') return;
    clearTimeout(this.retry);
    this.open();
  }

  private open(): void {
    const after = this.lastId;
    const socket = this.options.connect(after);
    this.socket = socket;
    this.heardAt = this.options.now();
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(event.data, after);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  private receive(data: string, after: string | null): void {
    this.heardAt = this.options.now();
    this.attempt = 0;
    let message: LiveMessage;
    try {
      message = JSON.parse(data) as LiveMessage;
    } catch {
      return;
    }
    if (message.id) this.lastId = message.id;
    this.become('live', null);
    if (message.type === 'hello' && (message.missed || (after !== null && !message.resumed))) {
      this.events.missed();
    }
    this.events.message(message);
  }

  private checkSilence(): void {
    if (this.current === 'offline') return;
    if (this.options.now() - this.heardAt <= this.options.silenceMs) return;
    this.become('late', null);
    this.drop();
    this.lost();
  }

  private lost(): void {
    this.socket = null;
    const { firstDelayMs, lastDelayMs, random, now } = this.options;
    const wait = backoff(this.attempt++, firstDelayMs, lastDelayMs, random);
    this.become('offline', now() + wait);
    this.retry = setTimeout(() => this.open(), wait);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private become(state: Connection, retryAt: number | null): void {
    if (state === this.current && retryAt === null) return;
    this.current = state;
    this.events.state(state, retryAt);
  }
}
