/** Something a person asked the API to do: whether it is under way, and what went wrong. */
import { ApiFailure } from '../api/client';
import type { Problem } from '../api/types';

export class Action {
  busy = $state(false);
  problem: Problem | null = $state.raw(null);

  /** Does `work` unless something is under way; its result, or null when it failed (then `problem` says why). */
  async run<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.busy) return null;
    this.busy = true;
    this.problem = null;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.problem = error.problem;
      return null;
    } finally {
      this.busy = false;
    }
  }
}
