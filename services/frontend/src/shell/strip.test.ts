// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isoAt, makeFeed } from '../lib/core/fixtures';
import { platform } from '../lib/state/platform.svelte';
import TrustStrip from './TrustStrip.svelte';

const FITTING = 3;
let drawn: Record<string, unknown> | null = null;

afterEach(() => {
  if (drawn) void unmount(drawn);
  drawn = null;
  document.body.textContent = '';
  platform.feeds.data = null;
  vi.restoreAllMocks();
});

function draw(count: number): void {
  const reported_at = new Date().toISOString();
  const feeds = Array.from({ length: count }, (_, i) => makeFeed({ id: `feed${i}`, reported_at, since: isoAt(0) }));
  feeds.push(makeFeed({ id: 'dead', status: 'failed', reported_at }));
  platform.feeds.data = { feeds, gaps: [] };
  // As a browser wraps a line that has room for three.
  vi.spyOn(HTMLElement.prototype, 'offsetTop', 'get').mockImplementation(function (this: HTMLElement) {
    return [...(this.parentElement?.children ?? [])].indexOf(this) < FITTING ? 0 : 28;
  });
  drawn = mount(TrustStrip, { target: document.body, props: { onopen: () => undefined } });
  flushSync();
}

const more = () => document.querySelector('footer a');

describe('TrustStrip', () => {
  it('shows the dead feed first and says how many do not fit', () => {
    draw(9);
    expect(document.querySelector('li')?.textContent).toContain('dead');
    expect(document.querySelectorAll('li:not(.over)')).toHaveLength(FITTING);
    expect(more()?.textContent).toBe('+7 more feeds');
    expect(more()?.getAttribute('href')).toBe('/feeds');
  });

  it('says nothing of more while all fit', () => {
    draw(2);
    expect(more()).toBeNull();
  });
});
