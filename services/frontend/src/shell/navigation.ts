/** The places of the application, as the rail and the phone's bar list them. */
import type { IconName } from '../lib/ui/Icon.svelte';

export interface Place {
  href: string;
  label: string;
  icon: IconName;
  /** Left out of the phone's bar; the status panel leads there. */
  wide?: true;
  /** True for addresses that belong to this place. */
  covers(pathname: string): boolean;
}

function under(prefix: string): (pathname: string) => boolean {
  return (pathname) => pathname === prefix || pathname.startsWith(`${prefix}/`);
}

export const places: readonly Place[] = [
  { href: '/', label: 'Overview', icon: 'overview', covers: (path) => path === '/' || under('/topics')(path) },
  { href: '/posts', label: 'Posts', icon: 'posts', covers: under('/posts') },
  { href: '/map', label: 'Map', icon: 'map', covers: under('/map') },
  { href: '/search', label: 'Search', icon: 'search', covers: under('/search') },
  { href: '/watches', label: 'Watches', icon: 'watch', covers: (path) => under('/watches')(path) || under('/alerts')(path) },
  { href: '/reports', label: 'Briefings', icon: 'report', covers: under('/reports') },
  { href: '/agents', label: 'Agents', icon: 'agents', wide: true, covers: (path) => under('/agents')(path) || under('/runs')(path) },
  { href: '/pipelines', label: 'Pipelines', icon: 'pipelines', wide: true, covers: under('/pipelines') },
  { href: '/figures', label: 'Figures', icon: 'figures', wide: true, covers: under('/figures') },
  { href: '/models', label: 'Models', icon: 'models', wide: true, covers: under('/models') },
  { href: '/feeds', label: 'Feeds', icon: 'feeds', wide: true, covers: under('/feeds') },
];
