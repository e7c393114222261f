/** A watch's rule as a form holds it, and as a sentence. */
import type { Watch, WatchRule } from '../api/types';
import { plural, span } from './format';
import { every, phrases, type Phrases } from './phrases';

/** What the form's fields hold: numbers as the browser gives them, accounts as lines of text. */
export interface Draft {
  name: string;
  any: Phrases;
  all: Phrases;
  none: Phrases;
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

const SIMILARITY = 0.82;

export function emptyDraft(): Draft {
  return {
    name: '',
    any: phrases(),
    all: phrases(),
    none: phrases(),
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
    any: phrases(words?.any),
    all: phrases(words?.all),
    none: phrases(words?.none),
    meaning: rule.meaning?.text ?? '',
    similarity: rule.meaning?.similarity ?? SIMILARITY,
    authors: rule.authors.join('\n'),
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
    words: { any: every(draft.any), all: every(draft.all), none: every(draft.none) },
    meaning: meaning ? { text: meaning, similarity: draft.similarity ?? SIMILARITY } : null,
    authors: tokens(draft.authors),
    languages: tokens(draft.languages),
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
  const { words, meaning, authors } = ruleOf(draft);
  return Boolean(words?.any?.length || words?.all?.length || meaning || authors.length);
}

/** Names without spaces, each once. */
function tokens(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter(Boolean))];
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
