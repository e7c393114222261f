import { describe, expect, it } from 'vitest';
import { T0, isoAt } from './fixtures';
import * as format from './format';

describe('format', () => {
  it('shows the unknown as a dash and zero as zero', () => {
    expect(format.compact(null)).toBe('–');
    expect(format.whole(undefined)).toBe('–');
    expect(format.rate(null)).toBe('–');
    expect(format.whole(0)).toBe('0');
  });

  it.each([
    [0.84, '0.8 s'],
    [42.9, '42 s'],
    [60, '1 min'],
    [3600, '1 h'],
    [11_400, '3 h 10 min'],
    [172_800, '2 d'],
    [-5, '0.0 s'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(format.duration(seconds)).toBe(text);
  });

  it.each([
    [59, '0 minutes'],
    [60, '1 minute'],
    [65 * 60, '65 minutes'],
    [1440 * 60, '24 hours'],
    [10_080 * 60, '7 days'],
  ])('%d seconds in words are %s', (seconds, text) => {
    expect(format.span(seconds)).toBe(text);
  });

  it('says how long ago, and never in the future when clocks differ', () => {
    expect(format.ago(isoAt(-42), T0)).toBe('42 s ago');
    expect(format.ago(isoAt(-5), T0)).toBe('5 s ago');
    expect(format.ago(isoAt(3), T0)).toBe('now');
    expect(format.ago(null, T0)).toBe('–');
  });

  it('names the day only when it is not today', () => {
    expect(format.at(isoAt(0), T0)).toMatch(/^\d\d:\d\d$/);
    expect(format.at(isoAt(-7 * 86_400), T0)).toMatch(/2\d Feb/);
  });

  it('names both days of a stretch where one of them is not today', () => {
    expect(format.between(isoAt(-60), isoAt(0), T0)).toMatch(/^\d\d:\d\d to \d\d:\d\d$/);
    expect(format.between(isoAt(-7 * 86_400), isoAt(0), T0)).toMatch(/^\d+ Feb, \d\d:\d\d to \d+ Mar, \d\d:\d\d$/);
    expect(format.day('2026-11-01')).toBe('1 Nov');
  });

  it('writes money from nano-dollars', () => {
    expect(format.usd(3_420_000_000)).toBe('$3.42');
    expect(format.usd(0)).toBe('$0.00');
    expect(format.usd(1_234_000)).toBe('$0.0012');
  });

  it('writes ratios, rates and counts', () => {
    expect(format.times(3.84)).toBe('3.8×');
    expect(format.times(38.4)).toBe('38×');
    expect(format.rate(0.44)).toBe('0.4');
    expect(format.rate(141.2)).toBe('141');
    expect(format.plural(1, 'post')).toBe('1 post');
    expect(format.plural(1200, 'post')).toBe('1,200 posts');
  });

  it('calls a part complete only when nothing is left', () => {
    expect(format.share(999, 1)).toBe('99%');
    expect(format.share(5, 0)).toBe('100%');
    expect(format.share(0, 0)).toBe('–');
    expect(format.share(5, null)).toBe('–');
  });

  it('shortens account ids by their prefix and middle', () => {
    expect(format.shortAuthor('did:plc:abcdefghijklmnopqrstuvwx')).toBe('abcdef…tuvwx');
    expect(format.shortAuthor('marta.pt')).toBe('marta.pt');
  });

  it('lets only well-formed tags become a lang attribute', () => {
    expect(format.languageTag(['"><script>', 'pt-BR'])).toBe('pt-BR');
    expect(format.languageTag([])).toBeUndefined();
  });
});

describe('isOrAre', () => {
  it.each([
    ['Watches', 'are'],
    ['Live updates', 'are'],
    ['Worker: old posts', 'are'],
    ['Embedding of new posts', 'is'],
    ['Embedding model for search', 'is'],
    ['API to vector index', 'is'],
    ['PostgreSQL process', 'is'],
    ['Momentum', 'is'],
    ['Valkey', 'is'],
  ])('%s %s degraded', (title, verb) => {
    expect(format.isOrAre(title)).toBe(verb);
  });
});

describe('archived', () => {
  it('says what is there, and nothing it does not know', () => {
    expect(format.archived({ posts_archived: 1_250_000, archive_days: 12, archive_bytes: 1_500_200_000 })).toBe('about 1.3M, 12 days, 1,501 MB');
    expect(format.archived({ posts_archived: 0, archive_days: 1, archive_bytes: 60_000 })).toBe('about 0, 1 day, 1 MB');
    expect(format.archived({ posts_archived: 0, archive_days: 0, archive_bytes: 8_192 })).toBe('none yet');
    expect(format.archived({ posts_archived: null, archive_days: null, archive_bytes: null })).toBe('–');
  });
});
