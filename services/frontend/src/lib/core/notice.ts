/** The one line under the header: what matters most about the state of things, in plain words. */
import type { Component, Feed, Health, Problem } from '../api/types';
import { behindmost } from './catchup';
import { ago, asSentence, compact, duration, isOrAre, rate } from './format';
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
  /** Why the state could not be read, when it could not. */
  healthProblem: Problem | null;
  feeds: readonly Feed[];
  /** Seconds until the feeds' past is read, when that can be told. */
  catchUpLeft: number | null;
  streamReason: string | null;
  now: number;
}

/** A connection that was lost only just now is no news yet: it mostly comes back at once. */
const PATIENCE_MS = 15_000;
const FEW_PENDING = 500;
const MISSED_SHOWN_MS = 60_000;

/** Picks the most important thing to say; everything is quiet when all is well. */
export function notice(situation: Situation): Notice {
  return (
    offline(situation) ??
    partIn(situation.health, 'down') ??
    troubledFeed(situation.feeds, situation.now) ??
    stream(situation) ??
    catchingUp(situation) ??
    partIn(situation.health, 'degraded') ??
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

/** Parts other than feeds, which speak for themselves, that are in trouble. */
function troubled(health: Health | null): Component[] {
  const parts = health?.components ?? [];
  return parts.filter((part) => !part.name.startsWith('feed.') && (part.state === 'down' || part.state === 'degraded'));
}

function partIn(health: Health | null, state: 'down' | 'degraded'): Notice | null {
  const parts = troubled(health);
  const worst = parts.find((part) => part.state === state);
  if (!worst) return null;
  const more = parts.length > 1 ? ` ${parts.length - 1} more in the status panel.` : '';
  return {
    tone: state === 'down' ? 'bad' : 'warn',
    title: `${worst.title} ${isOrAre(worst.title)} ${state}.`,
    text: `${partText(worst)}${more}`,
  };
}

function partText(part: Component): string {
  return [part.effect, part.reason].filter(Boolean).map((text) => asSentence(text ?? '')).join(' ');
}

function troubledFeed(feeds: readonly Feed[], now: number): Notice | null {
  const failed = feeds.find((feed) => feed.enabled && feed.status === 'failed');
  if (failed) {
    return { tone: 'bad', title: `The feed ${failed.id} has failed.`, text: asSentence(failed.reason ?? 'No reason given') };
  }
  const lost = feeds.find((feed) => feed.enabled && feed.status === 'unreachable');
  const feed = lost ?? feeds.find((candidate) => candidate.enabled && candidate.status === 'stalled');
  if (!feed) return null;
  const why = asSentence(feed.reason ?? 'No reason given');
  if (now - Date.parse(feed.since) < PATIENCE_MS) {
    return { tone: 'warn', title: `Reconnecting to ${feed.id}.`, text: why };
  }
  return {
    tone: lost ? 'bad' : 'warn',
    title: `The feed ${feed.id} is ${feed.status}.`,
    text: `No new posts of it for ${duration((now - Date.parse(feed.since)) / 1000)}. ${why} It reconnects by itself.`,
  };
}

function catchingUp({ feeds, catchUpLeft, health }: Situation): Notice | null {
  const feed = behindmost(feeds);
  if (!feed) return null;
  const left = catchUpLeft === null ? '' : `, about ${duration(catchUpLeft).replace(/\.\d/, '')} to go`;
  const parts = troubled(health).length;
  return {
    tone: 'quiet',
    title: `Catching up with ${feed.id}.`,
    text:
      `${duration(feed.lag_seconds ?? 0)} behind${left}, at ${rate(feed.rate)} events a second. ` +
      `Posts count in the minute they were written.${parts ? ` ${parts} more in the status panel.` : ''}`,
  };
}

function stream({ streamReason, missedAt, healthProblem, now }: Situation): Notice | null {
  if (streamReason) return { tone: 'warn', title: 'Live updates are slow.', text: asSentence(streamReason) };
  if (healthProblem) {
    const why = [healthProblem.what, healthProblem.why].filter(Boolean).map(asSentence).join(' ');
    return { tone: 'bad', title: 'State unknown, numbers may be old.', text: `${why} Asking again by itself.` };
  }
  if (missedAt !== null && now - missedAt < MISSED_SHOWN_MS) {
    return {
      tone: 'warn',
      title: 'Some live posts were missed.',
      text: 'The live stream was interrupted, so the list may lack a few. Counts and topics are complete.',
    };
  }
  return null;
}

function well({ connection, feeds, health }: Situation): Notice {
  if (connection === 'connecting' || !health) return { tone: 'quiet', title: 'Connecting.', text: '' };
  const starting = feeds.find((feed) => feed.enabled && feed.status === 'starting');
  if (starting) return { tone: 'quiet', title: `Connecting to ${starting.id}.`, text: 'The first posts are on their way.' };
  const off = health.components.filter((part) => part.state === 'off').map((part) => part.title);
  return {
    tone: 'quiet',
    title: 'All parts are working.',
    text: [backlog(health), off.length ? `Switched off: ${off.join(', ')}.` : ''].filter(Boolean).join(' '),
  };
}

/** What search cannot know yet, when it is more than the posts of a moment. */
function backlog({ figures }: Health): string {
  if (figures.vectors_stored === null || figures.vectors_pending === null || figures.vectors_pending < FEW_PENDING) return '';
  return `Search by meaning knows ${compact(figures.vectors_stored)} of ${compact(figures.posts_stored)} posts so far.`;
}
