/** Making a briefing about one topic: start a run, follow it, find its report. */
import { ApiFailure, ask, client } from '../api/client';
import type { Problem, Report, Run } from '../api/types';
import { platform } from './platform.svelte';

const POLL_LIVE_MS = 5000;
const POLL_ALONE_MS = 1500;

export class Briefing {
  report: Report | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  starting = $state(false);

  private runId: string | null = $state(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  readonly run: Run | null = $derived(this.runId === null ? null : (platform.runs.get(this.runId) ?? null));
  readonly working = $derived(this.run !== null && (this.run.status === 'queued' || this.run.status === 'running'));

  constructor(private readonly topic: string) {}

  /** Shows the newest run about the topic, if there is one. */
  async findLatest(): Promise<void> {
    try {
      const query = { kind: 'briefing', topic: this.topic, limit: 1 } as const;
      const latest = (await ask(client.GET('/api/v1/runs', { params: { query } }))).runs[0];
      if (latest && this.runId === null) this.follow(latest);
    } catch {
      // Only a convenience: the button to make one works without it.
    }
  }

  async start(): Promise<void> {
    if (this.starting || this.working) return;
    this.starting = true;
    this.problem = null;
    this.report = null;
    try {
      const body = { topic: this.topic, kind: 'briefing' } as const;
      this.follow(await ask(client.POST('/api/v1/runs', { body })));
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.problem = error.problem;
    } finally {
      this.starting = false;
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private follow(run: Run): void {
    platform.noteRun(run);
    this.runId = run.id;
    void this.check();
  }

  /** Live messages move the run on; polling is for when they do not come. */
  private async check(): Promise<void> {
    clearTimeout(this.timer);
    if (this.closed || this.runId === null) return;
    await this.readRun(this.runId);
    if (this.run?.report && !this.report) await this.readReport(this.run.report);
    if (this.closed || (!this.working && (this.report !== null || this.run?.status === 'failed'))) return;
    const wait = platform.connection === 'live' ? POLL_LIVE_MS : POLL_ALONE_MS;
    this.timer = setTimeout(() => void this.check(), wait);
  }

  /** Reads the report as soon as the run names one; to be called when the run changed. */
  changed(): void {
    if (this.run?.report && !this.report && !this.working) void this.readReport(this.run.report);
  }

  private async readRun(id: string): Promise<void> {
    try {
      platform.noteRun(await ask(client.GET('/api/v1/runs/{run}', { params: { path: { run: id } } })));
    } catch {
      // The next poll asks again; the notice says when the server is gone.
    }
  }

  private async readReport(id: string): Promise<void> {
    try {
      this.report = await ask(client.GET('/api/v1/reports/{report}', { params: { path: { report: id } } }));
    } catch {
      // As above.
    }
  }
}
