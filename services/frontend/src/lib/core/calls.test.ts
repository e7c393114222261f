import { describe, expect, it } from 'vitest';
import { callText } from './calls';

describe('callText', () => {
  it('shows the whole address as it is', () => {
    const url = 'wss://evil.example/subscribe?all=1#x';
    expect(callText(JSON.stringify({ url }))).toBe(`{\n  "url": "${url}"\n}`);
  });

  it('writes out what cannot be seen or turns the order', () => {
    expect(callText(JSON.stringify({ url: 'wss://good\u202e.example\u200b' }))).toContain('wss://good\\u202e.example\\u200b');
    expect(callText('{"tag": "\u{e0041}"}')).toContain('\\udb40\\udc41');
  });

  it('shows what is no JSON as it is', () => {
    expect(callText('{"url":"https://h.exa')).toBe('{"url":"https://h.exa');
  });
});
