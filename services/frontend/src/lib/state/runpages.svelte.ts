/** Runs that the server finds, page by page: the first page is read again and again, older ones when asked for. */
import { ask, client } from '../api/client';
import type { Run, RunList } from '../api/types';
import type { RunQuery } from '../core/agents';
import { withFirst, withNext, type Paged } from '../core/pages';
import { Action } from './action.svelte';
import { Resource } from './resource.svelte';

export class RunPages {
  readonly first: Resource<Paged<Run>>;
  readonly reading = new Action();
  private query: RunQuery;
  /** What the entries that are there were asked for with. */
  private shown: RunQuery;

  constructor(
    query: RunQuery,
    private readonly limit = 20,
  ) {
    this.query = this.shown = query;
    this.first = new Resource<Paged<Run>>(async (signal) => {
      const asked = this.query;
      const page = asPaged(await this.read(null, signal));
      const known = this.shown === asked ? this.first.data : null;
      this.shown = asked;
      return known ? withFirst(known, page) : page;
    });
  }

  get runs(): readonly Run[] {
    return this.first.data?.entries ?? [];
  }

  get more(): boolean {
    return this.first.data?.next != null;
  }

  /** Reads other runs from now on; the old ones stay until the new ones are there. */
  async ask(query: RunQuery): Promise<void> {
    if (JSON.stringify(query) !== JSON.stringify(this.query)) this.query = query;
    await this.first.refresh();
  }

  async readMore(): Promise<void> {
    const [before, asked] = [this.first.data?.next, this.shown];
    if (!before || this.query !== asked) return;
    const page = await this.reading.run(() => this.read(before));
    if (page && this.first.data && this.shown === asked) this.first.data = withNext(this.first.data, asPaged(page));
  }

  stop(): void {
    this.first.stop();
  }

  private read(before: string | null, signal?: AbortSignal): Promise<RunList> {
    const query = { ...this.query, limit: this.limit, ...(before ? { before } : {}) };
    return ask(client.GET('/api/v1/runs', { params: { query }, ...(signal ? { signal } : {}) }));
  }
}

function asPaged(list: RunList): Paged<Run> {
  return { entries: list.runs, next: list.next };
}
