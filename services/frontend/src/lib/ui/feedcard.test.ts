// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it } from 'vitest';
import type { Feed } from '../api/types';
import { makeFeed } from '../core/fixtures';
import FeedCard from './FeedCard.svelte';

let drawn: Record<string, unknown> | null = null;

afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.textContent = '';
});

function buttons(change: Partial<Feed>): (string | undefined)[] {
  drawn = mount(FeedCard, { target: document.body, props: { feed: makeFeed({ id: 'day', ...change }) } });
  flushSync();
  return [...document.querySelectorAll('.acts button')].map((button) => button.textContent?.replace(/\s+/g, ' ').trim());
}

describe('FeedCard', () => {
  it.each([
    ['a feed of the operator', { managed: 'operator' }, ['Pause day', 'Remove day']],
    ['a paused one', { managed: 'operator', enabled: false, status: 'paused' }, ['Resume day', 'Remove day']],
    ['the feed of the settings', { managed: 'settings' }, ['Pause day']],
    ['a recording that was read', { managed: 'replay', status: 'ended' }, ['Remove day']],
    ['a recording whose reader was killed', { managed: 'replay', status: 'unreachable' }, ['Remove day']],
    ['a recording that is being read', { managed: 'replay', status: 'catching_up' }, []],
    ['what is being removed', { managed: 'operator', enabled: false, status: 'removing' }, []],
  ] as [string, Partial<Feed>, string[]][])('offers for %s what can be done to it', (_, change, offered) => {
    expect(buttons(change)).toEqual(offered);
  });

  it('says how many posts go with it', () => {
    buttons({ managed: 'replay', status: 'ended', posts: 1 });
    (document.querySelector('.acts button') as HTMLElement).click();
    flushSync();
    expect([...document.querySelectorAll('.acts button')].map((button) => button.textContent?.trim())).toEqual(['Keep', 'Remove with its 1 post']);
  });
});
