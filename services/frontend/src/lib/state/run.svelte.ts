/** One run, followed step by step, and what a person can do to it. */
import { ask, client } from '../api/client';
import type { Run, RunEnd, RunEvent, RunState } from '../api/types';
import { OVER } from '../core/agents';
import { RunStreamClient, type Following, type RunStreamOptions } from '../core/runstream';
import { readStep, spoken, withoutStep, withStep } from '../core/runsteps';
import type { ServerEvent } from '../core/sse';
import { stepWord } from '../ui/signs';
import { Action } from './action.svelte';
import { Resource } from './resource.svelte';

export class FollowedRun {
  readonly about: Resource<Run>;
  steps: readonly RunEvent[] = $state.raw([]);
  /** The run as a whole, as the stream told it last. */
  told: RunState | null = $state.raw(null);
  end: RunEnd | null = $state.raw(null);
  following: Following = $state('connecting');
  /** What happened last, for screen readers. */
  said = $state('');
  readonly acting = new Action();

  readonly run: Run | null = $derived.by(() => this.about.data);
  readonly status: string = $derived.by(() => this.end?.status ?? this.told?.status ?? this.run?.status ?? '');
  readonly report: string | null = $derived.by(() => this.end?.report ?? this.told?.report ?? this.run?.report ?? null);
  readonly error: string | null = $derived.by(() => (this.told ? this.told.error : (this.run?.error ?? null)));

  private readonly stream: RunStreamClient;

  constructor(
    readonly id: string,
    options: Partial<RunStreamOptions> = {},
  ) {
    this.about = new Resource<Run>((signal) => ask(client.GET('/api/v1/runs/{run}', { params: { path: { run: id } }, signal })));
    this.stream = new RunStreamClient(
      {
        event: (event) => this.take(event),
        state: (state) => (this.following = state),
        refused: () => void this.about.refresh(),
      },
      { connect: (after, signal) => connect(id, after, signal), ...options },
    );
  }

  start(): void {
    void this.about.refresh();
    this.stream.start();
  }

  stop(): void {
    this.stream.stop();
    this.about.stop();
  }

  hurry(): void {
    this.stream.hurry();
  }

  async cancel(): Promise<void> {
    await this.act(() => ask(client.POST('/api/v1/runs/{run}/cancel', { params: { path: { run: this.id } } })));
  }

  /** Lets it go on, or with the name of a step does it and what follows again. */
  async retry(from = ''): Promise<void> {
    const body = { from_step: from };
    await this.act(() => ask(client.POST('/api/v1/runs/{run}/retry', { params: { path: { run: this.id } }, body })));
  }

  private async act(work: () => Promise<Run>): Promise<void> {
    const run = await this.acting.run(work);
    if (!run) return;
    this.about.data = run;
    this.end = null;
    this.told = null;
    this.stream.start();
  }

  private take(event: ServerEvent): void {
    let said: unknown;
    try {
      said = JSON.parse(event.data);
    } catch {
      return;
    }
    if (typeof said !== 'object' || said === null) return;
    switch (event.name) {
      case 'step': {
        const step = readStep(said);
        if (!step) return;
        this.steps = withStep(this.steps, step);
        this.said = spoken(step, stepWord(step.status));
        break;
      }
      case 'gone':
        this.steps = withoutStep(this.steps, (said as { n: number }).n);
        break;
      case 'run':
        this.told = said as RunState;
        if (!OVER.includes(this.told.status)) this.end = null;
        break;
      case 'end':
        this.end = said as RunEnd;
        this.said = `The run is ${this.end.status}.`;
        break;
    }
  }
}

function connect(id: string, after: string | null, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (after !== null) headers['last-event-id'] = after;
  const address = `/api/v1/runs/${encodeURIComponent(id)}/stream`;
  return fetch(address, { headers, signal, credentials: 'same-origin', cache: 'no-store' });
}
