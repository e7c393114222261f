/** A search as the address bar holds it, and as the API takes it. Anything odd in an address is left out. */
import type { paths } from '../api/schema';

export type SearchQuery = NonNullable<paths['/api/v1/search']['get']['parameters']['query']>;

export const SPANS = { '1h': 'Last hour', '24h': 'Last 24 hours', '7d': 'Last 7 days', '30d': 'Last 30 days' } as const;
export type Span = keyof typeof SPANS;

const HOURS: Record<Span, number> = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 };
const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i;
const POST = /^[\w-]+$/;

export interface Search {
  q: string;
  like: string | null;
  feed: string | null;
  language: string | null;
  author: string | null;
  topic: string | null;
  linked: boolean;
  span: Span | null;
  newest: boolean;
  /** Near copies one by one. */
  copies: boolean;
}

/** The filters that an address may hold, by the key they have there. */
export const FILTERS = ['feed', 'language', 'author', 'topic', 'linked', 'within'] as const;

export function readSearch(query: URLSearchParams): Search {
  const text = (key: string): string | null => query.get(key)?.trim().slice(0, 200) || null;
  const matching = (key: string, pattern: RegExp): string | null => {
    const value = text(key);
    return value && pattern.test(value) ? value : null;
  };
  const within = query.get('within') ?? '';
  return {
    q: (query.get('q') ?? '').trim().slice(0, 500),
    like: matching('like', POST),
    feed: text('feed'),
    language: matching('language', LANGUAGE),
    author: text('author'),
    topic: text('topic'),
    linked: query.get('linked') === 'true',
    span: within in HOURS ? (within as Span) : null,
    newest: query.get('sort') === 'time',
    copies: query.get('fold') === 'false',
  };
}

/** Whether there is anything to search by. */
export function asks(search: Search): boolean {
  return Boolean(search.q || search.like) || filtered(search);
}

export function filtered(search: Search): boolean {
  return Boolean(search.feed || search.language || search.author || search.topic || search.linked || search.span);
}

/** What the API is asked. All pages of one search need the same `now` (milliseconds). */
export function toQuery(search: Search, now: number, limit: number, cursor: string | null): SearchQuery {
  const since = search.span === null ? undefined : new Date(now - HOURS[search.span] * 3_600_000).toISOString();
  const given: Record<string, unknown> = {
    q: search.q || undefined,
    like: search.like ?? undefined,
    feed: search.feed ?? undefined,
    language: search.language ?? undefined,
    author: search.author ?? undefined,
    topic: search.topic ?? undefined,
    linked: search.linked || undefined,
    since,
    sort: search.newest ? 'time' : undefined,
    fold: search.copies ? false : undefined,
    limit,
    cursor: cursor ?? undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as SearchQuery;
}

/** The address of `query` with some keys changed; null takes one out. */
export function searchAddress(query: URLSearchParams, patch: Readonly<Record<string, string | null>>): string {
  const changed = new URLSearchParams(query);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) changed.delete(key);
    else changed.set(key, value);
  }
  const text = changed.toString();
  return text ? `/search?${text}` : '/search';
}

/** The name of a language in the reader's own, or its tag where none is known. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(undefined, { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
