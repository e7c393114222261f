/** Calls of agents that wait for a yes: the page Models lists them, the navigation counts them. */
import { ask, client } from '../api/client';
import type { ApprovalList } from '../api/types';
import { plural } from '../core/format';
import { Resource } from './resource.svelte';

const READ = 50;

class Approvals {
  readonly list = new Resource<ApprovalList>((signal) =>
    ask(client.GET('/api/v1/approvals', { params: { query: { limit: READ } }, signal })),
  );

  get waiting(): number {
    return this.list.data?.approvals.length ?? 0;
  }

  /** The count for a badge; `50+` where there may be more than are read. */
  get count(): string {
    return this.waiting < READ ? String(this.waiting) : `${READ}+`;
  }

  /** `1 call waits for your yes`. */
  get sentence(): string {
    if (this.waiting >= READ) return `${this.count} calls wait for your yes`;
    return `${plural(this.waiting, 'call')} ${this.waiting === 1 ? 'waits' : 'wait'} for your yes`;
  }
}

export const approvals = new Approvals();
