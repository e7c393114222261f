// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCluster, makeClusters } from '../core/fixtures';
import ClusterMap from './ClusterMap.svelte';
import ClusterRow from './ClusterRow.svelte';

let drawn: Record<string, unknown> | null = null;

afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.textContent = '';
});

describe('ClusterMap', () => {
  const clusters = [makeCluster({ id: 'b' }), makeCluster({ id: 'a', label: '<script>alert(1)</script>', place: { x: 9, y: 8, radius: 22 } })];

  it('draws each cluster as a link that says what it is', () => {
    const chosen: (string | null)[] = [];
    drawn = mount(ClusterMap, {
      target: document.body,
      props: { list: makeClusters(clusters), chosen: null, onchoose: (id: string | null) => chosen.push(id) },
    });
    flushSync();
    const links = [...document.querySelectorAll('svg a')];
    expect(links.map((link) => link.getAttribute('href'))).toEqual(['/map/a', '/map/b']);
    expect(links[1]?.getAttribute('aria-label')).toBe('Lisbon · power cut: 40 posts by 31 people, rising');
    links[1]?.dispatchEvent(new Event('focus'));
    links[1]?.dispatchEvent(new Event('blur'));
    expect(chosen).toEqual(['b', null]);
  });

  it('never takes a name for markup', () => {
    drawn = mount(ClusterMap, { target: document.body, props: { list: makeClusters(clusters), chosen: null, onchoose: () => {} } });
    flushSync();
    expect(document.querySelector('script')).toBeNull();
  });
});

describe('ClusterRow', () => {
  it('leads to search, watch and the topic', () => {
    const cluster = makeCluster({ topic: { id: 't/1', label: 'Power cut' } });
    drawn = mount(ClusterRow, { target: document.body, props: { cluster, sampled: false, chosen: false, onchoose: () => {} } });
    flushSync();
    expect([...document.querySelectorAll('.links a')].map((link) => link.getAttribute('href'))).toEqual([
      '/search?q=Lisbon%20OR%20%22power%20cut%22',
      '/watches/new?q=Lisbon&q=power%20cut',
      '/topics/t%2F1',
    ]);
  });
});
