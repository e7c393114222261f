// @vitest-environment happy-dom
import { describe, expect, it } from 'vitest';
import { router } from './router.svelte';

describe('router', () => {
  it('leaves a page its parameters until the next one is loaded', () => {
    history.replaceState({}, '', '/topics/bridge');
    router.go('/topics/bridge', true);
    router.params = router.next.params; // as the application does once the page is there
    expect(router.params).toEqual({ id: 'bridge' });
    router.go('/agents?topic=bridge');
    expect(router.pathname).toBe('/agents');
    expect(router.next.params).toEqual({});
    expect(router.params).toEqual({ id: 'bridge' });
  });

  it('has one next page an address, whatever its query is', () => {
    router.go('/search?q=a', true);
    const first = router.next;
    router.setQuery({ q: 'b' });
    expect(router.next).toBe(first);
    router.go('/runs/1', true);
    expect(router.next).not.toBe(first);
  });
});
