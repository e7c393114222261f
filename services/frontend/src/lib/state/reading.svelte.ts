/** That somebody reads a report, and whether it helped. Nothing says who. */
import { ask, client } from '../api/client';
import { Action } from './action.svelte';

export class Reading {
  helpful: boolean | null = $state(null);
  readonly voting = new Action();

  constructor(private readonly report: string) {}

  /** Notes that it is open. Whether that works does not matter to the reader. */
  async opened(): Promise<void> {
    try {
      const params = { path: { report: this.report } };
      this.helpful = (await ask(client.POST('/api/v1/reports/{report}/opened', { params }))).helpful;
    } catch {
      // A count that is missing keeps nobody from reading.
    }
  }

  async vote(helpful: boolean): Promise<void> {
    const params = { path: { report: this.report } };
    const said = await this.voting.run(() => ask(client.POST('/api/v1/reports/{report}/rate', { params, body: { helpful } })));
    if (said) this.helpful = said.helpful;
  }
}
