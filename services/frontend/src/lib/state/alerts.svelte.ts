/** The newest alerts, how many are unread, and what the live stream says of them. */
import { ask, client } from '../api/client';
import type { Alert, AlertPage } from '../api/types';
import { Resource } from './resource.svelte';

const KEPT = 200;

class Alerts {
  readonly page = new Resource<AlertPage>((signal) =>
    ask(client.GET('/api/v1/alerts', { params: { query: { limit: 50 } }, signal })),
  );

  get unread(): number {
    return this.page.data?.unread ?? 0;
  }

  /** A live message: the alert is new, or its sending went on. */
  take(alert: Alert, unread: number): void {
    const known = this.page.data;
    if (!known) return;
    const found = known.alerts.some((candidate) => candidate.id === alert.id);
    const alerts = found
      ? known.alerts.map((candidate) => (candidate.id === alert.id ? alert : candidate))
      : [alert, ...known.alerts].slice(0, KEPT);
    this.page.data = { ...known, alerts, unread };
  }

  /** Reads on where the list ends. */
  async more(): Promise<void> {
    const known = this.page.data;
    if (!known?.next) return;
    const next = await ask(client.GET('/api/v1/alerts', { params: { query: { limit: 50, before: known.next } } }));
    this.page.data = { ...next, alerts: [...known.alerts, ...next.alerts] };
  }

  /** Marks the named alerts, or all of them, as seen. */
  async acknowledge(ids: string[] | null): Promise<void> {
    const { unread } = await ask(client.POST('/api/v1/alerts/acknowledge', { body: { alerts: ids, watch: null } }));
    const known = this.page.data;
    if (!known) return;
    const now = new Date().toISOString();
    const seen = (alert: Alert): Alert =>
      alert.acknowledged_at === null && (ids === null || ids.includes(alert.id)) ? { ...alert, acknowledged_at: now } : alert;
    this.page.data = { ...known, alerts: known.alerts.map(seen), unread };
  }
}

export const alerts = new Alerts();
