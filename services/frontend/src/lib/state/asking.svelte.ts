/** A question to an agent: the draft, whether it may be sent, and sending it. */
import { ask, client } from '../api/client';
import type { Run } from '../api/types';
import { wrongWith } from '../core/agents';
import { Action } from './action.svelte';

export class Asking {
  agent = $state('researcher');
  question = $state('');
  topic = $state('');
  /** Whether somebody tried to send it: until then an empty field is no mistake. */
  tried = $state(false);
  readonly sending = new Action();

  readonly wrong: string | null = $derived.by(() => (this.tried ? wrongWith(this.question) : null));

  /** The run that was made, or null: then `wrong` or `sending.problem` says why. */
  async send(): Promise<Run | null> {
    this.tried = true;
    if (wrongWith(this.question) !== null) return null;
    const body = { question: this.question.trim(), topic: this.topic.trim() };
    const params = { path: { agent: this.agent } };
    const run = await this.sending.run(() => ask(client.POST('/api/v1/agents/{agent}/runs', { params, body })));
    if (run) {
      this.question = '';
      this.tried = false;
    }
    return run;
  }
}
