// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { client } from '../lib/api/client';
import type { Approval } from '../lib/api/types';
import { approvals } from '../lib/state/approvals.svelte';
import { platform } from '../lib/state/platform.svelte';
import BottomBar from './BottomBar.svelte';
import Rail from './Rail.svelte';

let drawn: Record<string, unknown> | null = null;

afterEach(() => {
  if (drawn) void unmount(drawn);
  drawn = null;
  document.body.textContent = '';
  approvals.list.reset();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function wait(count: number): void {
  approvals.list.data = { approvals: Array.from({ length: count }, (_, i) => ({ id: `a${i}` }) as Approval) };
  flushSync();
}


const words = (selector: string) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim();

describe('calls that wait for a yes', () => {
  it('are counted at Models, and nothing stands there when none waits', () => {
    drawn = mount(Rail, { target: document.body });
    wait(0);
    expect(words('a[href="/models"]')).toBe('Models');
    wait(1);
    expect(words('a[href="/models"]')).toBe('Models 11 call waits for your yes');
    expect(words('a[href="/models"] [aria-hidden="true"]:not(svg)')).toBe('1');
    wait(50);
    expect(words('a[href="/models"] .hidden')).toBe('50+ calls wait for your yes');
    expect(document.querySelector('a[href="/feeds"] .unread')).toBeNull();
  });

  it('are told on a phone, where Models is behind the status', () => {
    drawn = mount(BottomBar, { target: document.body, props: { onstatus: () => undefined } });
    flushSync();
    expect(words('button')).toBe('Status');
    wait(2);
    expect(words('button')).toContain(', 2 calls wait for your yes');
    expect(document.querySelector('button .unread, button .trouble')).not.toBeNull();
  });
});

describe('the count', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', class { close(): void {} });
  });

  it('is read again every ten seconds, on every page', () => {
    const get = vi.spyOn(client, 'GET').mockReturnValue(new Promise(() => undefined) as never);
    const asked = () => get.mock.calls.filter((given: unknown[]) => given[0] === '/api/v1/approvals').length;
    const stop = platform.start();
    expect(asked()).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(asked()).toBe(2);
    stop();
    get.mockRestore();
  });
});
