/**
 * Follows one run: goes on behind the last number after a cut, watches for silence, backs off with jitter.
 *
 * `fetch` rather than `EventSource`: it shows why the server refuses, and the heartbeat, without which a line that is
 * dead would look like a run in which nothing happens.
 */
import { backoff } from './live';
import { EventReader, type ServerEvent } from './sse';

/** `over`: the run ended. `refused`: the server will not say more, asking again would not help. */
export type Following = 'connecting' | 'live' | 'offline' | 'over' | 'refused';

export interface RunStreamEvents {
  event(event: ServerEvent): void;
  state(state: Following): void;
  /** The server answered with an error; `status` tells which. */
  refused(status: number): void;
}

export interface RunStreamOptions {
  /** Opens the stream behind `after`. */
  connect(after: string | null, signal: AbortSignal): Promise<Response>;
  silenceMs?: number;
  firstDelayMs?: number;
  lastDelayMs?: number;
  random?: () => number;
}

/** Answers after which asking again later may help. */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

export class RunStreamClient {
  private readonly options: Required<RunStreamOptions>;
  private last: string | null = null;
  private attempt = 0;
  private open: AbortController | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private waits = false;
  private current: Following | null = null;

  constructor(
    private readonly events: RunStreamEvents,
    options: RunStreamOptions,
  ) {
    this.options = { silenceMs: 25_000, firstDelayMs: 500, lastDelayMs: 15_000, random: Math.random, ...options };
  }

  /** Begins, or begins again after the run went on that was over. What was seen is not asked for again. */
  start(): void {
    this.stop();
    this.attempt = 0;
    this.become('connecting');
    void this.follow();
  }

  stop(): void {
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.waits = false;
    this.open?.abort();
    this.open = null;
  }

  /** Tries again now, for example when the tab becomes visible. */
  hurry(): void {
    if (this.waits) this.start();
  }

  private async follow(): Promise<void> {
    const controller = new AbortController();
    this.open = controller;
    this.waits = false;
    this.listen();
    let ended = false;
    try {
      const answer = await this.options.connect(this.last, controller.signal);
      if (this.open !== controller) return;
      if (!answer.ok || !answer.body) {
        void answer.body?.cancel();
        if (!LATER.has(answer.status)) return this.give(answer.status);
      } else {
        ended = await this.read(answer.body, controller);
      }
    } catch {
      // The line broke, or was silent for too long.
    }
    if (this.open !== controller) return;
    this.stop();
    if (ended) this.become('over');
    else this.later();
  }

  /** True when the run's end was told. */
  private async read(body: ReadableStream<Uint8Array>, controller: AbortController): Promise<boolean> {
    const reader = body.getReader();
    const text = new TextDecoder();
    const events = new EventReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.open !== controller) return false;
        this.listen();
        this.attempt = 0;
        this.become('live');
        for (const event of events.read(text.decode(value, { stream: true }))) {
          if (event.id !== null) this.last = event.id;
          this.events.event(event);
          if (event.name === 'end') return true;
        }
      }
    } finally {
      void reader.cancel().catch(() => {});
    }
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      const silent = this.open;
      this.stop();
      if (silent) {
        this.become('offline');
        this.later();
      }
    }, this.options.silenceMs);
  }

  /** The server ends old streams, and is back at once after a restart: only a second failure is worth telling. */
  private later(): void {
    const { firstDelayMs, lastDelayMs, random } = this.options;
    if (this.attempt > 0) this.become('offline');
    this.waits = true;
    this.retry = setTimeout(() => void this.follow(), backoff(this.attempt++, firstDelayMs, lastDelayMs, random));
  }

  private give(status: number): void {
    this.stop();
    this.become('refused');
    this.events.refused(status);
  }

  private become(state: Following): void {
    if (state === this.current) return;
    this.current = state;
    this.events.state(state);
  }
}
