// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { isTyping, KeySequence } from './keys';

describe('shortcuts', () => {
  it('reads a sequence, and a lone key', () => {
    const keys = new KeySequence();
    expect(keys.press('p', 0)).toBe('p');
    expect(keys.press('g', 10)).toBeNull();
    expect(keys.press('o', 900)).toBe('g o');
    expect(keys.press('o', 901)).toBe('o');
  });

  it('forgets the first key after a while', () => {
    const keys = new KeySequence();
    keys.press('g', 0);
    expect(keys.press('o', 2000)).toBe('o');
  });

  it('leaves keys to fields that take text', () => {
    const made = (html: string): Element | null => {
      document.body.innerHTML = html;
      return document.body.firstElementChild;
    };
    expect(isTyping(made('<input type="search">'))).toBe(true);
    expect(isTyping(made('<textarea></textarea>'))).toBe(true);
    expect(isTyping(made('<input type="checkbox">'))).toBe(false);
    expect(isTyping(made('<button></button>'))).toBe(false);
  });
});
