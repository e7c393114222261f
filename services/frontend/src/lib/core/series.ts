/** Turns the API's minute series into chart columns whose gaps are never bridged. */
import type { Gap } from '../api/types';

export type Column = (number | null)[];

export interface Minutes {
  /** Seconds since 1970, strictly increasing. */
  times: number[];
  columns: Column[];
}

/** A stretch to hatch, in seconds since 1970. */
export interface Band {
  from: number;
  to: number;
  label: string;
}

const MINUTE = 60;
const SILENT_SECONDS = 180;

/**
 * Puts an empty point wherever minutes are missing, so that no line crosses the hole. A value
 * before `since` is left out.
 */
export function breakAtHoles(minutes: readonly string[], values: readonly Column[], since = 0): Minutes {
  const times: number[] = [];
  const columns: Column[] = values.map(() => []);
  minutes.forEach((minute, j) => {
    const time = Date.parse(minute) / 1000;
    if (time < since) return;
    const previous = times.at(-1);
    if (previous !== undefined && time - previous > MINUTE * 1.5) {
      times.push(previous + MINUTE);
      for (const column of columns) column.push(null);
    }
    times.push(time);
    columns.forEach((column, i) => column.push(values[i]?.[j] ?? null));
  });
  return { times, columns };
}

/** Lays series with different minutes over one axis; a minute that one of them lacks is empty there. */
export function overlay(series: readonly { start: string; value: number }[][]): { minutes: string[]; values: Column[] } {
  const minutes = [...new Set(series.flatMap((points) => points.map((point) => point.start)))];
  minutes.sort((a, b) => Date.parse(a) - Date.parse(b));
  const values = series.map((points) => {
    const known = new Map(points.map((point) => [point.start, point.value]));
    return minutes.map((minute) => known.get(minute) ?? null);
  });
  return { minutes, values };
}

/** Joins overlapping gaps; the label names the feeds when there are several. */
export function bands(gaps: readonly Gap[], feeds: number): Band[] {
  const joined: { from: number; to: number; feeds: Set<string> }[] = [];
  const sorted = gaps
    .map((gap) => ({ from: Date.parse(gap.start) / 1000, to: Date.parse(gap.end) / 1000, feed: gap.feed }))
    .filter((gap) => gap.to > gap.from)
    .sort((a, b) => a.from - b.from);
  for (const gap of sorted) {
    const last = joined.at(-1);
    if (last && gap.from <= last.to) {
      last.to = Math.max(last.to, gap.to);
      last.feeds.add(gap.feed);
    } else joined.push({ from: gap.from, to: gap.to, feeds: new Set([gap.feed]) });
  }
  return joined.map(({ from, to, feeds: touched }) => ({
    from,
    to,
    label: feeds > 1 ? `No data from ${[...touched].join(', ')}` : 'No data',
  }));
}

/** The time since the stream was lost is a gap too: our own. */
export function withOutage(known: readonly Band[], lostAt: number | null, now: number): Band[] {
  if (lostAt === null || now <= lostAt) return [...known];
  return [...known, { from: lostAt, to: now, label: 'Not connected' }];
}

/** What is still to be read of the past is empty for now, and says so. */
export function withUnread(known: readonly Band[], newest: number | null, catchingUp: boolean, now: number): Band[] {
  const from = (newest ?? now) + MINUTE;
  if (!catchingUp || now - from < SILENT_SECONDS) return [...known];
  return [...known, { from, to: now, label: 'Not read yet' }];
}

/** The newest value of a column with its time, or nothing when all of it is empty. */
export function lastValue(times: readonly number[], column: Column): { time: number; value: number } | null {
  for (let i = column.length - 1; i >= 0; i--) {
    const value = column[i];
    const time = times[i];
    if (value != null && time !== undefined) return { time, value };
  }
  return null;
}

/** At most `limit` evenly spaced places in a series, the last one always among them. */
export function sample(length: number, limit: number): number[] {
  const step = Math.max(1, Math.ceil(length / limit));
  const picked: number[] = [];
  for (let i = length - 1; i >= 0; i -= step) picked.push(i);
  return picked.reverse();
}

/**
 * Where the time axis ends: just after the newest value, but at `now` when values stopped coming, so
 * that silence is seen as an empty stretch and not hidden.
 */
export function axisEnd(newest: number | null, lostAt: number | null, now: number): number {
  if (newest === null || lostAt !== null || now - newest > SILENT_SECONDS) return now;
  return newest + MINUTE / 2;
}
