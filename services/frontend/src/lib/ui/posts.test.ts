// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Post } from '../api/types';
import { isoAt } from '../core/fixtures';
import { platform } from '../state/platform.svelte';
import PostList from './PostList.svelte';
import PostRow from './PostRow.svelte';

let drawn: Record<string, unknown> | null = null;

function makePost(id: string, change: Partial<Post> = {}): Post {
  return {
    id,
    feed: 'jetstream',
    uri: `at://${id}`,
    url: `https://social.example.org/${id}`,
    author: 'marta.pt',
    time: isoAt(0),
    claimed_time: null,
    text: `text of ${id}`,
    languages: ['en'],
    tags: [],
    links: [],
    reply_to: null,
    likes: 0,
    reposts: 0,
    ...change,
  };
}

/** What the platform does on a free frame after messages came. */
function arrive(...ids: string[]): void {
  platform.posts.add(ids.map((id) => makePost(id)));
  platform.postsVersion++;
  flushSync();
}

const texts = () => [...document.querySelectorAll('article p')].map((node) => node.textContent);
const list = () => document.querySelector('.list') as HTMLElement;
const frame = () => document.querySelector('.frame') as HTMLElement;
const hover = (kind: string) => {
  frame().dispatchEvent(new PointerEvent(kind, { pointerType: 'mouse' }));
  flushSync();
};

beforeEach(() => {
  platform.paused = false;
  platform.posts.remove(platform.posts.items.map((post) => post.id));
});

afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.textContent = '';
});

describe('PostList', () => {
  beforeEach(() => {
    drawn = mount(PostList, { target: document.body });
    flushSync();
  });

  it('follows the stream, newest on top', () => {
    arrive('a1', 'a2');
    expect(texts()).toEqual(['text of a2', 'text of a1']);
  });

  it('holds still under the pointer, counts what came, and catches up after', () => {
    arrive('b1');
    hover('pointerenter');
    arrive('b2', 'b3');
    expect(texts()).toEqual(['text of b1']);
    expect(document.querySelector('.fresh')?.textContent).toContain('2 new posts');
    list().dispatchEvent(new PointerEvent('pointerleave', { pointerType: 'mouse' }));
    flushSync();
    expect(texts(), 'on the way to the button over the list').toEqual(['text of b1']);
    hover('pointerleave');
    expect(texts()).toEqual(['text of b3', 'text of b2', 'text of b1']);
    expect(document.querySelector('.fresh')).toBeNull();
  });

  it('holds still while paused and shows the new ones on request', () => {
    arrive('c1');
    platform.togglePause();
    flushSync();
    arrive('c2');
    expect(texts()).toEqual(['text of c1']);
    (document.querySelector('.fresh') as HTMLElement).click();
    flushSync();
    expect(texts()).toEqual(['text of c2', 'text of c1']);
    arrive('c3');
    expect(texts()).toHaveLength(2);
  });

  it('takes deleted posts away even while it holds still', () => {
    arrive('d1', 'd2');
    hover('pointerenter');
    platform.posts.remove(['d1']);
    platform.postsVersion++;
    flushSync();
    expect(texts()).toEqual(['text of d2']);
  });
});

describe('PostRow', () => {
  const show = (change: Partial<Post>): void => {
    drawn = mount(PostRow, { target: document.body, props: { post: makePost('x', change), query: 'img' } });
    flushSync();
  };

  it('shows markup in a post as text', () => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    show({ text: hostile, author: '<b>x</b>', feed: '<i>' });
    expect(document.querySelector('article p')?.textContent).toBe(hostile);
    expect(document.querySelector('img, script, article i, b b')).toBeNull();
  });

  it('shows links in full, opens them apart, and drops those that are not web addresses', () => {
    show({ links: ['https://example.org/long/path?a=b', 'javascript:alert(1)'] });
    const links = [...document.querySelectorAll<HTMLAnchorElement>('a.out')];
    expect(links.map((link) => link.textContent)).toEqual(['https://example.org/long/path?a=b']);
    expect(links[0]?.rel).toBe('noopener noreferrer nofollow');
    expect(links[0]?.target).toBe('_blank');
  });

  it('lets the text choose its direction and names its language', () => {
    show({ languages: ['he'] });
    const text = document.querySelector('article p');
    expect(text?.getAttribute('dir')).toBe('auto');
    expect(text?.getAttribute('lang')).toBe('he');
  });
});
