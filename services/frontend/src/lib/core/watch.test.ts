import { describe, expect, it } from 'vitest';
import type { Watch, WatchRule } from '../api/types';
import { isoAt } from './fixtures';
import { phrases } from './phrases';
import { asks, draftOf, emptyDraft, ruleOf, sentence } from './watch';

const rule: WatchRule = {
  words: { any: ['power cut', '停電'], all: ['#lisbon'], none: ['film'] },
  meaning: { text: 'the lights went out', similarity: 0.87 },
  authors: ['did:plc:a'],
  languages: ['pt', 'en'],
  feeds: ['bluesky'],
  topics: true,
  threshold: { posts: 20, authors: 8, minutes: 15, times_usual: 3 },
  cooldown_minutes: 30,
};

const watch: Watch = {
  id: 'w',
  name: 'Outages',
  rule,
  destinations: ['d'],
  status: 'watching',
  paused: false,
  snoozed_until: null,
  degraded: null,
  armed_at: isoAt(0),
  evaluated_to: isoAt(0),
  open_since: null,
  alerts: 0,
  last_alert_at: null,
  created_at: isoAt(0),
  updated_at: isoAt(0),
};

describe('draft', () => {
  it('comes back as the rule it was made of', () => {
    expect(ruleOf(draftOf(watch))).toEqual(rule);
  });

  it('keeps a phrase with a comma whole', () => {
    const words = { any: ['Hello, world', '停電、地震'], all: [], none: ['no, never'] };
    expect(ruleOf(draftOf({ ...watch, rule: { ...rule, words } })).words).toEqual(words);
  });

  it('takes pasted accounts and languages, each once', () => {
    const draft = { ...emptyDraft(), authors: 'did:plc:a, did:plc:b\ndid:plc:a\n', languages: 'pt,en  pt' };
    expect(ruleOf(draft).authors).toEqual(['did:plc:a', 'did:plc:b']);
    expect(ruleOf(draft).languages).toEqual(['pt', 'en']);
  });

  it('asks for nothing until there is a word, a meaning or an account', () => {
    const draft = emptyDraft();
    expect(asks({ ...draft, none: phrases(['film']), languages: 'en' })).toBe(false);
    expect(asks({ ...draft, meaning: ' storms ' })).toBe(true);
    expect(asks({ ...draft, any: { settled: [], typing: 'te' } })).toBe(true);
  });

  it('takes the defaults for numbers that were emptied', () => {
    const draft = { ...emptyDraft(), any: phrases(['x']), posts: null, people: null, minutes: null, cooldown: null };
    expect(ruleOf(draft).threshold).toEqual({ posts: 1, authors: 1, minutes: 10, times_usual: null });
    expect(ruleOf(draft).cooldown_minutes).toBe(60);
  });
});

describe('sentence', () => {
  it('says what is matched and how much of it', () => {
    expect(sentence(rule)).toBe(
      'Posts with "power cut" or "停電" with "#lisbon" without "film" that mean "the lights went out" by 1 account ' +
        'in pt or en from bluesky: 20 posts by 8 people within 15 minutes and 3 times the usual, or a topic that holds them.',
    );
  });

  it('names four words and counts the others', () => {
    const many: WatchRule = {
      ...ruleOf({ ...emptyDraft(), any: phrases(['a', 'b', 'c', 'd', 'e', 'f']) }),
      threshold: { posts: 1, authors: 1, minutes: 60, times_usual: null },
    };
    expect(sentence(many)).toBe('Posts with "a", "b", "c", "d" or 2 more: 1 post within 60 minutes.');
  });
});
