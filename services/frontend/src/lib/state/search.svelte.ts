/** One search and its pages. A page that fails leaves those before it where they are. */
import { ApiFailure, ask, client } from '../api/client';
import type { Problem, SearchHit, SearchResult } from '../api/types';
import { toQuery, type Search } from '../core/search';

const PAGE = 20;

export class SearchPages {
  /** The first page, with what is said of the whole search. */
  first: SearchResult | null = $state.raw(null);
  hits: readonly SearchHit[] = $state.raw([]);
  problem: Problem | null = $state.raw(null);
  next: string | null = $state(null);
  loading = $state(false);

  private asked: Search | null = null;
  private began = 0;
  private running: AbortController | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;

  /** Begins anew; what is on screen stays until the answer is there. */
  async begin(search: Search): Promise<void> {
    this.asked = search;
    this.began = Date.now();
    await this.read(null);
  }

  async more(): Promise<void> {
    if (this.next !== null && !this.loading) await this.read(this.next);
  }

  async again(): Promise<void> {
    if (this.asked) await this.begin(this.asked);
  }

  reset(): void {
    this.stop();
    this.first = null;
    this.hits = [];
    this.problem = this.next = null;
    this.loading = false;
  }

  stop(): void {
    clearTimeout(this.retry);
    this.running?.abort();
    this.running = null;
  }

  private async read(cursor: string | null): Promise<void> {
    if (!this.asked) return;
    this.stop();
    const controller = new AbortController();
    this.running = controller;
    this.loading = true;
    try {
      const query = toQuery(this.asked, this.began, PAGE, cursor);
      // openapi-fetch takes the ranges' pairs for lists.
      const page = (await ask(
        client.GET('/api/v1/search', { params: { query }, signal: controller.signal }),
      )) as SearchResult;
      if (this.running !== controller) return;
      if (cursor === null) this.first = page;
      this.hits = cursor === null ? page.hits : [...this.hits, ...page.hits];
      this.next = page.next ?? null;
      this.problem = null;
    } catch (error) {
      if (this.running === controller) this.fail(error, cursor);
    } finally {
      if (this.running === controller) {
        this.running = null;
        this.loading = false;
      }
    }
  }

  private fail(error: unknown, cursor: string | null): void {
    if (!(error instanceof ApiFailure)) throw error;
    this.problem = error.problem;
    if (error.retryAfterSeconds !== null) {
      this.retry = setTimeout(() => void this.read(cursor), Math.min(60, error.retryAfterSeconds) * 1000);
    }
  }
}
