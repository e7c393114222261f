import { describe, expect, it } from 'vitest';
import { splitCitations } from './citations';
import { webAddress } from './links';
import { defaultRange, readRange } from './ranges';
import { sparkPath } from './spark';

describe('splitCitations', () => {
  it('finds the marks of known citations and keeps the rest as text', () => {
    const pieces = splitCitations('First [1], then [12][9]. See [note] <b>', new Set([1, 12]));
    expect(pieces).toEqual([
      { text: 'First', number: null },
      { text: '[1]', number: 1 },
      { text: ', then', number: null },
      { text: '[12]', number: 12 },
      { text: '[9]. See [note] <b>', number: null },
    ]);
  });
});

describe('webAddress', () => {
  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '//example.org', 'https://user@example.org/', '', null])(
    'refuses %s',
    (link) => {
      expect(webAddress(link)).toBeNull();
    },
  );

  it('accepts a plain address', () => {
    expect(webAddress('https://example.org/a?b=c')).toBe('https://example.org/a?b=c');
  });
});

describe('readRange', () => {
  it('reads the preset of the address, else the default', () => {
    expect(readRange(new URLSearchParams('range=6h')).minutes).toBe(360);
    expect(readRange(new URLSearchParams('range=nonsense'))).toBe(defaultRange);
  });
});

describe('sparkPath', () => {
  it('lifts the pen over a hole', () => {
    const { path } = sparkPath([1, 2, null, 4], 100, 20);
    expect(path.match(/M/g)).toHaveLength(2);
  });

  it('ends at the newest value', () => {
    expect(sparkPath([1, 4, null], 106, 20).end).toEqual({ x: 51, y: 3 });
    expect(sparkPath([null], 100, 20)).toEqual({ path: '', end: null });
  });
});
