/** The places of the application, as the rail and the phone's bar list them. */
import type { IconName } from '../lib/ui/Icon.svelte';

export interface Place {
  href: string;
  label: string;
  icon: IconName;
  /** Pressed after `g`, it leads here. */
  key: string;
  /** Other words for what is found there. */
  also: string;
  /** Left out of the phone's bar; the status panel leads there. */
  wide?: true;
  /** True for addresses that belong to this place. */
  covers(pathname: string): boolean;
}

function under(prefix: string): (pathname: string) => boolean {
  return (pathname) => pathname === prefix || pathname.startsWith(`${prefix}/`);
}

export const places: readonly Place[] = [
  {
    href: '/',
    key: 'o',
    also: 'home momentum topics movers',
    label: 'Overview',
    icon: 'overview',
    covers: (path) => path === '/' || under('/topics')(path),
  },
  {
    href: '/posts',
    key: 'p',
    also: 'live stream',
    label: 'Posts',
    icon: 'posts',
    covers: under('/posts'),
  },
  {
    href: '/map',
    key: 'm',
    also: 'clusters conversations meaning',
    label: 'Map',
    icon: 'map',
    covers: under('/map'),
  },
  {
    href: '/search',
    key: 's',
    also: 'find',
    label: 'Search',
    icon: 'search',
    covers: under('/search'),
  },
  {
    href: '/watches',
    key: 'w',
    also: 'alerts rules',
    label: 'Watches',
    icon: 'watch',
    covers: (path) => under('/watches')(path) || under('/alerts')(path),
  },
  {
    href: '/reports',
    key: 'b',
    also: 'reports pdf',
    label: 'Briefings',
    icon: 'report',
    covers: under('/reports'),
  },
  {
    href: '/agents',
    key: 'a',
    also: 'ask runs question chat',
    label: 'Agents',
    icon: 'agents',
    wide: true,
    covers: (path) => under('/agents')(path) || under('/runs')(path),
  },
  {
    href: '/pipelines',
    key: 'l',
    also: 'schedules stages',
    label: 'Pipelines',
    icon: 'pipelines',
    wide: true,
    covers: under('/pipelines'),
  },
  {
    href: '/figures',
    key: 'u',
    also: 'business value worth',
    label: 'Figures',
    icon: 'figures',
    wide: true,
    covers: under('/figures'),
  },
  {
    href: '/models',
    key: 'd',
    also: 'approvals calls llm',
    label: 'Models',
    icon: 'models',
    wide: true,
    covers: under('/models'),
  },
  {
    href: '/spend',
    key: 'n',
    also: 'cost money budget forecast month',
    label: 'Spend',
    icon: 'spend',
    wide: true,
    covers: under('/spend'),
  },
  {
    href: '/feeds',
    key: 'f',
    also: 'sources gaps lag',
    label: 'Feeds',
    icon: 'feeds',
    wide: true,
    covers: under('/feeds'),
  },
  {
    href: '/system',
    key: 'y',
    also: 'health dependencies queues pools storage jobs drift',
    label: 'System',
    icon: 'system',
    wide: true,
    covers: under('/system'),
  },
  {
    href: '/settings',
    key: ',',
    also: 'keys access tokens retention notifications images consent people',
    label: 'Settings',
    icon: 'settings',
    wide: true,
    covers: under('/settings'),
  },
];
