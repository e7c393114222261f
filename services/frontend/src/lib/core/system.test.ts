import { describe, expect, it } from 'vitest';
import type { BackupList, Component, Health, Processes } from '../api/types';
import { backupRows, bytes, driftSentence, jobRows, orderSentence, partsByUrgency } from './system';

describe('the state of the platform', () => {
  it('writes bytes in the largest sensible unit', () => {
    expect([0, 812, 4_120_000, 23_400_000_000, null].map(bytes)).toEqual(['0 B', '812 B', '4.1 MB', '23 GB', '–']);
  });

  it('puts parts in trouble first and leaves feeds to their page', () => {
    const part = (name: string, state: Component['state']): Component =>
      ({ name, title: name, state, reason: null, effect: null, do: null, since: '2026-11-01T00:00:00Z' });
    const components = [part('store', 'ok'), part('feed.a', 'down'), part('llm', 'off'), part('index', 'degraded'), part('worker', 'down')];
    expect(partsByUrgency({ components } as Health).map(({ name }) => name)).toEqual(['worker', 'index', 'store', 'llm']);
  });

  it('says that nobody does a job whose lease ran out', () => {
    const now = Date.parse('2026-11-01T00:01:00Z');
    const lease = { name: 'momentum', holder: 'api-1', epoch: 3, expires_at: '2026-11-01T00:01:20Z', held: true };
    const leases = [lease, { ...lease, held: false, expires_at: '2026-11-01T00:00:00Z' }];
    expect(jobRows({ units: [], leases } as Processes, now).map((row) => row.slice(1, 3))).toEqual([
      ['api-1', 'until 20 s from now'],
      ['nobody', 'free since 1 min ago'],
    ]);
  });

  it('shows whether a backup was proven, and a proof that failed before anything else', () => {
    const now = Date.parse('2026-11-01T01:00:00Z');
    const one = { name: 'b', taken_at: '2026-11-01T00:00:00Z', rows: 1200, bytes: 4_120_000, verified_at: null, problem: null };
    const proven = { ...one, verified_at: '2026-11-01T00:30:00Z' };
    const backups = [one, proven, { ...proven, problem: 'It is damaged.' }];
    expect(backupRows({ backups, orders: [] } as unknown as BackupList, now).map((row) => row[3])).toEqual([
      'not yet',
      '30 min ago',
      'failed: It is damaged.',
    ]);
  });

  it('says how what was asked for goes', () => {
    const now = Date.parse('2026-11-01T00:01:00Z');
    const order = { what: 'take', backup: '', status: 'waiting', said: '', asked_at: '2026-11-01T00:00:00Z', begun_at: null };
    const said = (change: object): string => orderSentence({ backups: [], orders: [{ ...order, ...change }] } as unknown as BackupList, now);
    expect(said({})).toContain('was asked for 1 min ago');
    expect(said({ status: 'done', said: 'Taken as b.' })).toBe('Taken as b.');
    expect(said({ what: 'verify', backup: 'b', status: 'failed', said: 'It is damaged.' })).toBe('The proof of b failed: It is damaged.');
    expect(orderSentence({ backups: [], orders: [] }, now)).toBe('');
  });

  it('tells clocks that are apart', () => {
    expect(driftSentence(-2)).toEqual({ text: "2.0 s behind the API's", bad: true });
    expect(driftSentence(0.02).bad).toBe(false);
  });
});
