/** The address bar as state. The URL is the only home of ranges and queries. */
import type { Component } from 'svelte';
import { RouteTable, type Params } from '../core/routes';

export type Load = () => Promise<{ default: Component }>;

const routes = new RouteTable<Load>({
  '/': () => import('../../routes/Overview.svelte'),
  '/posts': () => import('../../routes/Posts.svelte'),
  '/search': () => import('../../routes/Search.svelte'),
  '/map': () => import('../../routes/Map.svelte'),
  '/map/:id': () => import('../../routes/Cluster.svelte'),
  '/topics/:id': () => import('../../routes/Topic.svelte'),
  '/feeds': () => import('../../routes/Feeds.svelte'),
  '/watches': () => import('../../routes/Watches.svelte'),
  '/watches/new': () => import('../../routes/Watch.svelte'),
  '/watches/:id': () => import('../../routes/Watch.svelte'),
  '/alerts/:id': () => import('../../routes/Alert.svelte'),
  '/agents': () => import('../../routes/Agents.svelte'),
  '/pipelines': () => import('../../routes/Pipelines.svelte'),
  '/runs/:id': () => import('../../routes/Run.svelte'),
  '/figures': () => import('../../routes/Figures.svelte'),
  '/models': () => import('../../routes/Models.svelte'),
  '/spend': () => import('../../routes/Spend.svelte'),
  '/system': () => import('../../routes/System.svelte'),
  '/settings': () => import('../../routes/Settings.svelte'),
  '/reports': () => import('../../routes/Reports.svelte'),
  '/reports/:id': () => import('../../routes/Report.svelte'),
});
const missing: Load = () => import('../../routes/NotFound.svelte');

class Router {
  pathname = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  /** Those of the page that is shown: while the next one loads, the old one must not take its id for one of its own. */
  params: Params = $state.raw({});
  private readonly matched = $derived(routes.match(this.pathname));

  /** The page of the address, with its parameters. Another object for each address. */
  readonly next: { load: Load; params: Params } = $derived({
    load: this.matched?.page ?? missing,
    params: this.matched?.params ?? {},
  });

  go(to: string, replace = false): void {
    history[replace ? 'replaceState' : 'pushState']({}, '', to);
    const moved = location.pathname !== this.pathname;
    this.read();
    if (!moved) return;
    scrollTo(0, 0);
    const main = document.getElementById('main');
    main?.scrollTo(0, 0);
    main?.focus({ preventScroll: true });
  }

  /** Sets or, with null, removes keys of the query without a new history entry. */
  setQuery(patch: Readonly<Record<string, string | null>>): void {
    const query = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(patch)) {
      if (value === null) query.delete(key);
      else query.set(key, value);
    }
    const text = query.toString();
    this.go(location.pathname + (text ? `?${text}` : ''), true);
  }

  listen(): () => void {
    const read = (): void => this.read();
    const click = (event: MouseEvent): void => this.followLink(event);
    addEventListener('popstate', read);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', read);
      document.removeEventListener('click', click);
    };
  }

  private read(): void {
    this.pathname = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  private followLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (!routes.match(link.pathname) || (link.hash && link.pathname === location.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  }
}

export const router = new Router();
