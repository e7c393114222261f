/** The one line under the header: what matters most about the state of things, in plain words. */
import type { Component, Feed, Health } from '../api/types';
import { ago, duration } from './format';
import type { Connection } from './live';

export type NoticeTone = 'quiet' | 'warn' | 'bad';

export interface Notice {
  tone: NoticeTone;
  title: string;
  text: string;
}

export interface Situation {
  connection: Connection;
  heardAt: number | null;
  retryAt: number | null;
  missedAt: number | null;
  health: Health | null;
  healthFailed: boolean;
  feeds: readonly Feed[];
  streamReason: string | null;
  now: number;
}

const TROUBLED: ReadonlySet<string> = new Set(['stalled', 'unreachable']);
const MISSED_SHOWN_MS = 60_000;

/** Picks the most important thing to say; everything is quiet when all is well. */
export function notice(situation: Situation): Notice {
  return (
    offline(situation) ??
    troubledPart(situation.health) ??
    troubledFeed(situation.feeds, situation.now) ??
    stream(situation) ??
    well(situation)
  );
}

function offline({ connection, heardAt, retryAt, now }: Situation): Notice | null {
  if (connection !== 'offline' && connection !== 'late') return null;
  const since = heardAt === null ? '' : `Numbers are from ${ago(new Date(heardAt).toISOString(), now)}. `;
  const wait = retryAt === null ? 0 : (retryAt - now) / 1000;
  const next = wait > 1 ? `Next try in ${duration(Math.ceil(wait)).replace('.0', '')}.` : 'Trying now.';
  return { tone: 'bad', title: 'Offline, reconnecting.', text: since + next };
}

function troubledPart(health: Health | null): Notice | null {
  const parts = health?.components.filter((part) => part.state === 'down' || part.state === 'degraded') ?? [];
  const worst = parts.find((part) => part.state === 'down') ?? parts[0];
  if (!worst) return null;
  const more = parts.length > 1 ? ` ${parts.length - 1} more in the status panel.` : '';
  return {
    tone: worst.state === 'down' ? 'bad' : 'warn',
    title: `${worst.title} is ${worst.state}.`,
    text: `${partText(worst)}${more}`,
  };
}

function partText(part: Component): string {
  return [part.effect, part.reason].filter(Boolean).map((text) => sentence(text ?? '')).join(' ');
}

function troubledFeed(feeds: readonly Feed[], now: number): Notice | null {
  const feed = feeds.find((candidate) => candidate.enabled && TROUBLED.has(candidate.status));
  if (!feed) return null;
  return {
    tone: 'warn',
    title: `The feed ${feed.id} is ${feed.status}.`,
    text: `${sentence(feed.reason ?? 'No reason given')} Since ${ago(feed.since, now)}.`,
  };
}

function stream({ streamReason, missedAt, healthFailed, now }: Situation): Notice | null {
  if (streamReason) return { tone: 'warn', title: 'Live updates are slow.', text: sentence(streamReason) };
  if (healthFailed) {
    return { tone: 'warn', title: 'State unknown.', text: 'The health check did not answer; retrying.' };
  }
  if (missedAt !== null && now - missedAt < MISSED_SHOWN_MS) {
    return {
      tone: 'warn',
      title: 'Some live posts were missed.',
      text: 'The connection was gone too long. Counts and topics were read again and are complete.',
    };
  }
  return null;
}

function well({ connection, feeds, health }: Situation): Notice {
  if (connection === 'connecting' || !health) return { tone: 'quiet', title: 'Connecting.', text: '' };
  const catching = feeds.find((feed) => feed.status === 'catching_up');
  if (catching) {
    return {
      tone: 'quiet',
      title: `Catching up on ${catching.id}.`,
      text: `${duration(catching.lag_seconds ?? 0)} behind; counts fill in at their own time.`,
    };
  }
  const off = health.components.filter((part) => part.state === 'off').map((part) => part.title);
  return {
    tone: 'quiet',
    title: 'All parts are working.',
    text: off.length ? `Switched off: ${off.join(', ')}.` : '',
  };
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
