/** The platform's own state as rows to show. */
import type { BackupList, Component, Connections, Health, MomentumState, Processes, Queues, Storage, VectorState } from '../api/types';
import { ago, compact, duration, plural, UNKNOWN, whole } from './format';

/** Bytes in the largest sensible unit of a thousand: `812 B`, `4.1 MB`, `23 GB`. */
export function bytes(count: number | null | undefined): string {
  if (count == null) return UNKNOWN;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

const URGENCY: Record<Component['state'], number> = { down: 0, degraded: 1, ok: 2, off: 3 };

/** What is in trouble first; the rest keeps its order. Feeds have a page of their own. */
export function partsByUrgency(health: Health): Component[] {
  return health.components
    .filter((part) => !part.name.startsWith('feed.'))
    .sort((a, b) => URGENCY[a.state] - URGENCY[b.state]);
}

/** What waits, with the age of the oldest where it is known; what matters when it is not zero. */
export function waitingRows(queues: Queues): [string, string][] {
  const oldest = queues.outbox_oldest_seconds === null ? '' : `, oldest ${duration(queues.outbox_oldest_seconds)}`;
  return [
    ['Jobs not handed over yet', `${whole(queues.outbox)}${oldest}`],
    ['Runs that wait', whole(queues.runs_queued)],
    ['Runs under way', whole(queues.runs_running)],
    ['Alerts to send', whole(queues.deliveries_pending)],
    ['Alerts not sent, last 24 h', whole(queues.deliveries_failed_day)],
    ['Posts without a vector', whole(queues.embedding_pending)],
    ['Vectors to remove', whole(queues.vector_removals)],
    ['Stretches to read again', whole(queues.rechecks_open)],
    ['Calls that wait for your yes', whole(queues.approvals_waiting)],
  ];
}

export function poolRows(connections: Connections): string[][] {
  return connections.pools.map((pool) => [
    pool.application || 'others',
    whole(pool.connections),
    whole(pool.active),
    whole(pool.waiting),
    pool.longest_seconds > 0 ? duration(pool.longest_seconds) : UNKNOWN,
  ]);
}

/** Who does what one at a time does; a lease that nobody holds is free, and its job is not done. */
export function jobRows(processes: Processes, now: number): string[][] {
  return processes.leases.map((lease) => [
    lease.name,
    lease.held ? lease.holder : 'nobody',
    lease.held ? `until ${duration(Math.max(0, (Date.parse(lease.expires_at) - now) / 1000))} from now` : `free since ${ago(lease.expires_at, now)}`,
    whole(lease.epoch),
  ]);
}

export function processRows(processes: Processes, now: number): string[][] {
  const own = processes.units.filter((unit) => unit.unit === unit.component);
  return own.map((unit) => [
    unit.unit,
    unit.instance,
    unit.silent ? 'silent' : unit.state,
    ago(unit.reported_at, now),
    unit.reason ?? '',
  ]);
}

const TABLES = 12;

export function tableRows(storage: Storage): string[][] {
  return storage.tables
    .slice(0, TABLES)
    .map((table) => [table.name, compact(table.rows), bytes(table.bytes), bytes(table.index_bytes), compact(table.dead)]);
}

export function vectorRows(vectors: VectorState): [string, string][] {
  const rows: [string, string][] = [
    ['Kept in', vectors.backend],
    ['Vectors', whole(vectors.stored)],
    ['Posts that wait for one', whole(vectors.pending)],
  ];
  for (const model of vectors.models) {
    const state = model.complete ? 'complete' : `${whole(model.done)} of ${whole(model.total)} posts`;
    rows.push([`Model ${model.model}`, `${model.state}, ${state}`]);
    if (model.compared_at) rows.push(['Compared with the record', `${plural(model.missing, 'vector')} missing, ${whole(model.extra)} too many`]);
  }
  return rows;
}

export function momentumRows(state: MomentumState, now: number): [string, string][] {
  return [
    ['Judged up to', state.as_of === null ? 'nothing yet' : ago(state.as_of, now)],
    ['Behind the newest event', state.behind_seconds === null ? UNKNOWN : duration(state.behind_seconds)],
    ['Knows what is usual since', state.baseline_from === null ? 'not yet' : ago(state.baseline_from, now)],
    ['Last snapshot', state.updated_at === null ? 'none yet' : `${ago(state.updated_at, now)}, ${bytes(state.bytes)}`],
    ['Topics', `${whole(state.topics_live)} live, ${whole(state.topics_ended)} ended`],
  ];
}

/** How far apart our clock and the database's are: its clock decides. */
export function driftSentence(seconds: number | null): { text: string; bad: boolean } {
  if (seconds === null) return { text: 'unknown', bad: false };
  const apart = Math.abs(seconds);
  return { text: `${duration(apart)} ${seconds < 0 ? 'behind' : 'ahead of'} the API's`, bad: apart > 1 };
}

const SHOWN = 6;

/** The newest backups; a proof that failed stands before when one last succeeded. */
export function backupRows(list: BackupList, now: number): string[][] {
  return list.backups.slice(0, SHOWN).map((one) => [
    ago(one.taken_at, now),
    whole(one.rows),
    bytes(one.bytes),
    one.problem !== null ? `failed: ${one.problem}` : one.verified_at !== null ? ago(one.verified_at, now) : 'not yet',
    one.name,
  ]);
}

/** How the last thing that somebody asked for goes. */
export function orderSentence(list: BackupList, now: number): string {
  const order = list.orders[0];
  if (!order) return '';
  const what = order.what === 'take' ? 'A backup' : `The proof of ${order.backup}`;
  if (order.status === 'waiting') return `${what} was asked for ${ago(order.asked_at, now)}; a worker begins within half a minute.`;
  if (order.status === 'running') return `${what} is under way since ${ago(order.begun_at ?? order.asked_at, now)}.`;
  return order.status === 'failed' ? `${what} failed: ${order.said}` : order.said;
}
