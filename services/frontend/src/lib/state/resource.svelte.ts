/** Something read from the API: keeps the old data on screen while it is read again. */
import { ApiFailure } from '../api/client';
import type { Problem } from '../api/types';

export class Resource<T> {
  data: T | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  loading = $state(false);
  /** When `data` was read, by this machine's clock. */
  readAt: number | null = $state(null);

  private running: AbortController | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly load: (signal: AbortSignal) => Promise<T>) {}

  /** Reads now; an earlier read that is still under way is given up. Never throws. */
  async refresh(): Promise<void> {
    this.stop();
    const controller = new AbortController();
    this.running = controller;
    this.loading = true;
    try {
      const data = await this.load(controller.signal);
      if (this.running !== controller) return;
      this.data = data;
      this.readAt = Date.now();
      this.problem = null;
    } catch (error) {
      if (this.running === controller) this.fail(error);
    } finally {
      if (this.running === controller) {
        this.running = null;
        this.loading = false;
      }
    }
  }

  /** Empties it, for when what it was about is no longer on screen. */
  reset(): void {
    this.stop();
    this.data = null;
    this.readAt = null;
    this.problem = null;
    this.loading = false;
  }

  stop(): void {
    clearTimeout(this.retry);
    this.running?.abort();
    this.running = null;
  }

  private fail(error: unknown): void {
    if (!(error instanceof ApiFailure)) throw error;
    this.problem = error.problem;
    if (error.retryAfterSeconds !== null) {
      this.retry = setTimeout(() => void this.refresh(), Math.min(60, error.retryAfterSeconds) * 1000);
    }
  }
}
