/** Which shape, tone and word stand for which state. */
import type { ClusterTrend, Component, Delivery, Run, RunStep, TopicStatus, Watch } from '../api/types';
import type { FeedSign } from '../core/stale';
import type { Mark, Tone } from './StatusMark.svelte';

export interface Sign {
  mark: Mark;
  tone: Tone;
  word: string;
}

export const topicSigns: Record<TopicStatus, Sign> = {
  emerging: { mark: 'ring', tone: 'accent', word: 'emerging' },
  rising: { mark: 'up', tone: 'accent', word: 'rising' },
  peaking: { mark: 'diamond', tone: 'accent', word: 'peaking' },
  fading: { mark: 'down', tone: 'quiet', word: 'fading' },
  ended: { mark: 'hollow', tone: 'quiet', word: 'ended' },
};

export const trendSigns: Record<ClusterTrend, Sign> = {
  new: { mark: 'ring', tone: 'accent', word: 'new' },
  rising: { mark: 'up', tone: 'accent', word: 'rising' },
  steady: { mark: 'dot', tone: 'quiet', word: 'steady' },
  fading: { mark: 'down', tone: 'quiet', word: 'fading' },
};

export const feedSigns: Record<FeedSign, Sign> = {
  starting: { mark: 'ring', tone: 'quiet', word: 'starting' },
  live: { mark: 'dot', tone: 'quiet', word: 'live' },
  catching_up: { mark: 'half', tone: 'warn', word: 'catching up' },
  stalled: { mark: 'triangle', tone: 'warn', word: 'stalled' },
  unreachable: { mark: 'square', tone: 'bad', word: 'unreachable' },
  failed: { mark: 'square', tone: 'bad', word: 'failed' },
  paused: { mark: 'bars', tone: 'quiet', word: 'paused' },
  ended: { mark: 'hollow', tone: 'quiet', word: 'ended' },
  removing: { mark: 'dash', tone: 'quiet', word: 'being removed' },
  unknown: { mark: 'dashed', tone: 'warn', word: 'unknown' },
};

export const partSigns: Record<Component['state'], Sign> = {
  ok: { mark: 'dot', tone: 'quiet', word: 'ok' },
  degraded: { mark: 'triangle', tone: 'warn', word: 'degraded' },
  down: { mark: 'square', tone: 'bad', word: 'down' },
  off: { mark: 'dash', tone: 'quiet', word: 'off' },
};

export const stepSigns: Record<RunStep['status'], Sign> = {
  pending: { mark: 'ring', tone: 'quiet', word: 'waiting' },
  running: { mark: 'half', tone: 'accent', word: 'running' },
  needs_approval: { mark: 'bars', tone: 'warn', word: 'waits for your approval' },
  needs_human: { mark: 'triangle', tone: 'warn', word: 'waits for you to look' },
  done: { mark: 'check', tone: 'quiet', word: 'done' },
  failed: { mark: 'square', tone: 'bad', word: 'failed' },
  skipped: { mark: 'dash', tone: 'quiet', word: 'skipped' },
};

export const runSigns: Record<Run['status'], Sign> = {
  queued: { mark: 'ring', tone: 'quiet', word: 'waits for a worker' },
  running: { mark: 'half', tone: 'accent', word: 'running' },
  needs_approval: { mark: 'bars', tone: 'warn', word: 'waits for your approval' },
  needs_human: { mark: 'triangle', tone: 'warn', word: 'waits for somebody to look' },
  done: { mark: 'check', tone: 'quiet', word: 'done' },
  failed: { mark: 'square', tone: 'bad', word: 'failed' },
  cancelled: { mark: 'dash', tone: 'quiet', word: 'cancelled' },
};

const UNKNOWN: Sign = { mark: 'dashed', tone: 'quiet', word: 'unknown' };

/** The sign of a status that a newer server may have and this page does not know. */
export function signOf(signs: Readonly<Record<string, Sign>>, status: string): Sign {
  return signs[status] ?? { ...UNKNOWN, word: status || UNKNOWN.word };
}

export function stepWord(status: string): string {
  return signOf(stepSigns, status).word;
}

export const watchSigns: Record<Watch['status'], Sign> = {
  watching: { mark: 'dot', tone: 'quiet', word: 'watching' },
  learning: { mark: 'half', tone: 'warn', word: 'learning what is usual' },
  paused: { mark: 'bars', tone: 'quiet', word: 'paused' },
  snoozed: { mark: 'dashed', tone: 'quiet', word: 'snoozed' },
};

export const deliverySigns: Record<Delivery['state'], Sign> = {
  pending: { mark: 'half', tone: 'warn', word: 'being sent' },
  sent: { mark: 'check', tone: 'quiet', word: 'sent' },
  failed: { mark: 'square', tone: 'bad', word: 'not sent' },
};
