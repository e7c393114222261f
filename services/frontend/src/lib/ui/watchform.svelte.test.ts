// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeHealth, makePart } from '../core/fixtures';
import { every, phrases } from '../core/phrases';
import { emptyDraft, type Draft } from '../core/watch';
import { platform } from '../state/platform.svelte';
import WatchForm from './WatchForm.svelte';

let drawn: Record<string, unknown> | null = null;
let draft: Draft = $state(emptyDraft());
const sent = vi.fn((event: Event) => event.preventDefault());

const field = () => document.querySelector('#any') as HTMLInputElement;
const tags = () => [...document.querySelectorAll('li > span')].map((node) => node.textContent);

function write(text: string): void {
  field().value += text;
  field().dispatchEvent(new InputEvent('input', { bubbles: true }));
  flushSync();
}

function press(key: string): boolean {
  const went = field().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  flushSync();
  return went;
}

beforeEach(() => {
  draft = { ...emptyDraft(), any: phrases(['Hello, world']) };
  const form = document.createElement('form');
  form.addEventListener('submit', sent);
  document.body.append(form);
  const props = {
    get draft() {
      return draft;
    },
    set draft(changed: Draft) {
      draft = changed;
    },
  };
  drawn = mount(WatchForm, { target: form, props });
  flushSync();
});

afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.textContent = '';
  platform.health.data = null;
});

describe('words of a watch', () => {
  it('shows a saved phrase with a comma as one', () => {
    expect(tags()).toEqual(['Hello, world']);
  });

  it('takes Enter for the end of a phrase and not for the end of the form', () => {
    write('power cut');
    expect(press('Enter')).toBe(false);
    expect(tags()).toEqual(['Hello, world', 'power cut']);
    expect(field().value).toBe('');
    expect(press('Enter')).toBe(true); // with nothing typed the form may be sent
  });

  it('settles what was typed when the field is left, and removes a tag on a press', () => {
    write('tea, "milk, please"');
    field().dispatchEvent(new FocusEvent('blur'));
    flushSync();
    expect(tags()).toEqual(['Hello, world', 'tea', 'milk, please']);
    (document.querySelector('[aria-label="Remove tea"]') as HTMLElement).click();
    flushSync();
    expect(tags()).toEqual(['Hello, world', 'milk, please']);
    expect(document.querySelector('.sentence')?.textContent).toContain('"Hello, world" or "milk, please"');
  });

  it('opens the last one again on Backspace, in quotes that keep it whole', () => {
    press('Backspace');
    expect(field().value).toBe('"Hello, world"');
    expect(tags()).toEqual([]);
    expect(every(draft.any)).toEqual(['Hello, world']);
  });

  it('leaves no comma behind', () => {
    write(',');
    write(' ');
    expect(field().value).toBe('');
  });

  it('waits while signs are composed', () => {
    field().dispatchEvent(new CompositionEvent('compositionstart'));
    write('ていでん、');
    expect(tags()).toEqual(['Hello, world']);
    field().dispatchEvent(new CompositionEvent('compositionend'));
    flushSync();
    expect(tags()).toEqual(['Hello, world', 'ていでん']);
  });
});

describe('meaning', () => {
  it('says when it is off, why, and what to do', () => {
    expect(document.body.textContent).toContain('Compared in any language.');
    const off = makePart({ name: 'api.embedder', title: 'Embedding model for search', state: 'off', reason: 'turned off', do: 'Set it to auto' });
    platform.health.data = makeHealth([makePart(), off]);
    flushSync();
    const said = document.querySelector('.away')?.textContent?.replace(/\s+/g, ' ');
    expect(said).toContain('Meaning cannot be compared now. Embedding model for search: off, turned off.');
    expect(said).toContain('one by meaning alone waits. Set it to auto.');
    expect(document.body.textContent).not.toContain('any language. Where words');
  });
});
