/** A watch's rule as a form holds it, and as a sentence. */
import type { Watch, WatchRule } from '../api/types';
import { plural, span } from './format';

/** What the form's fields hold: lists as lines of text, numbers as the browser gives them. */
export interface Draft {
  name: string;
  any: string;
  all: string;
  none: string;
  meaning: string;
  similarity: number | null;
  authors: string;
  languages: string;
  feeds: string[];
  topics: boolean;
  posts: number | null;
  people: number | null;
  minutes: number | null;
  timesUsual: number | null;
  cooldown: number | null;
  destinations: string[];
}

const SIMILARITY = 0.85;

export function emptyDraft(): Draft {
  return {
    name: '',
    any: '',
    all: '',
    none: '',
    meaning: '',
    similarity: SIMILARITY,
    authors: '',
    languages: '',
    feeds: [],
    topics: false,
    posts: 5,
    people: 4,
    minutes: 10,
    timesUsual: null,
    cooldown: 60,
    destinations: [],
  };
}

export function draftOf(watch: Watch): Draft {
  const { rule } = watch;
  const { words, threshold } = rule;
  return {
    name: watch.name,
    any: lines(words?.any),
    all: lines(words?.all),
    none: lines(words?.none),
    meaning: rule.meaning?.text ?? '',
    similarity: rule.meaning?.similarity ?? SIMILARITY,
    authors: lines(rule.authors),
    languages: rule.languages.join(', '),
    feeds: [...rule.feeds],
    topics: rule.topics,
    posts: threshold?.posts ?? 1,
    people: threshold?.authors ?? 1,
    minutes: threshold?.minutes ?? 10,
    timesUsual: threshold?.times_usual ?? null,
    cooldown: rule.cooldown_minutes,
    destinations: [...watch.destinations],
  };
}

/** The rule a draft stands for. An empty number takes the API's default; the API checks the rest. */
export function ruleOf(draft: Draft): WatchRule {
  const meaning = draft.meaning.trim();
  return {
    words: { any: entries(draft.any), all: entries(draft.all), none: entries(draft.none) },
    meaning: meaning ? { text: meaning, similarity: draft.similarity ?? SIMILARITY } : null,
    authors: entries(draft.authors),
    languages: draft.languages.split(/[\s,]+/).filter(Boolean),
    feeds: [...draft.feeds],
    topics: draft.topics,
    threshold: {
      posts: draft.posts ?? 1,
      authors: draft.people ?? 1,
      minutes: draft.minutes ?? 10,
      times_usual: draft.timesUsual,
    },
    cooldown_minutes: draft.cooldown ?? 60,
  };
}

/** Whether the draft asks for anything: a rule that matches every post is refused. */
export function asks(draft: Draft): boolean {
  return [draft.any, draft.all, draft.meaning, draft.authors].some((text) => text.trim() !== '');
}

/** One entry a line; commas part entries too, so that a pasted list works. */
export function entries(text: string): string[] {
  const found = text.split(/[\n,、，]+/).map((entry) => entry.trim());
  return [...new Set(found.filter(Boolean))];
}

/** The rule in plain words: what is matched, then how much of it. */
export function sentence(rule: WatchRule): string {
  return `${matched(rule)}: ${enough(rule)}.`;
}

function matched(rule: WatchRule): string {
  const { any = [], all = [], none = [] } = rule.words ?? {};
  const parts = [
    any.length ? `with ${list(any, 'or')}` : '',
    all.length ? `with ${list(all, 'and')}` : '',
    none.length ? `without ${list(none, 'or')}` : '',
    rule.meaning ? `that mean "${rule.meaning.text}"` : '',
    rule.authors.length ? `by ${plural(rule.authors.length, 'account')}` : '',
    rule.languages.length ? `in ${list(rule.languages, 'or', false)}` : '',
    rule.feeds.length ? `from ${list(rule.feeds, 'or', false)}` : '',
  ];
  return ['Posts', ...parts.filter(Boolean)].join(' ');
}

function enough(rule: WatchRule): string {
  const { posts = 1, authors = 1, minutes = 10, times_usual = null } = rule.threshold ?? {};
  const crowd = authors > 1 ? ` by ${plural(authors, 'person', 'people')}` : '';
  const usual = times_usual === null ? '' : ` and ${times_usual} times the usual`;
  const topics = rule.topics ? ', or a topic that holds them' : '';
  return `${plural(posts, 'post')}${crowd} within ${span(minutes * 60)}${usual}${topics}`;
}

const NAMED = 4;

function list(words: readonly string[], joint: string, quoted = true): string {
  const named = words.slice(0, NAMED).map((word) => (quoted ? `"${word}"` : word));
  const left = words.length - named.length;
  if (left > 0) return `${named.join(', ')} ${joint} ${left} more`;
  return named.length < 2 ? named.join('') : `${named.slice(0, -1).join(', ')} ${joint} ${named.at(-1)}`;
}

function lines(entries: readonly string[] = []): string {
  return entries.join('\n');
}
