/** What the palette offers here and now: pages, topics, watches and deeds. Loaded with the palette. */
import type { Topic, Watch } from '../lib/api/types';
import type { Command } from '../lib/core/commands';
import { searchAddress } from '../lib/core/search';
import { againstShort } from '../lib/core/usual';
import { alerts } from '../lib/state/alerts.svelte';
import { platform } from '../lib/state/platform.svelte';
import { router } from '../lib/state/router.svelte';
import { session } from '../lib/state/session.svelte';
import { theme } from '../lib/state/theme.svelte';
import { topicSigns, watchSigns } from '../lib/ui/signs';
import { places } from './navigation';

export interface Deeds {
  /** Opens the panel with the state of all parts. */
  status(): void;
  /** Opens the list of shortcuts. */
  shortcuts(): void;
}

export function commandsNow(topics: readonly Topic[], watches: readonly Watch[], deeds: Deeds): Command[] {
  return [...pages(), ...actions(deeds), ...topics.map(topicCommand), ...watches.map(watchCommand)];
}

/** Always the last: whatever was typed can be searched for in the posts. */
export function searchCommand(text: string): Command {
  const address = searchAddress(new URLSearchParams(), { q: text });
  return { id: 'search', group: 'Search', label: `Search posts for “${text}”`, run: () => router.go(address) };
}

function pages(): Command[] {
  return places.map((place) => ({
    id: place.href,
    group: 'Pages',
    label: place.label,
    keys: `g ${place.key}`,
    also: place.also,
    run: () => router.go(place.href),
  }));
}

function topicCommand(topic: Topic): Command {
  return {
    id: `topic ${topic.id}`,
    group: 'Topics',
    label: topic.label,
    note: `${topicSigns[topic.status].word}, ${againstShort(topic)}`,
    also: topic.terms.join(' '),
    run: () => router.go(`/topics/${encodeURIComponent(topic.id)}`),
  };
}

function watchCommand(watch: Watch): Command {
  return {
    id: `watch ${watch.id}`,
    group: 'Watches',
    label: watch.name,
    note: watchSigns[watch.status].word,
    run: () => router.go(`/watches/${encodeURIComponent(watch.id)}`),
  };
}

function actions(deeds: Deeds): Command[] {
  const go = (to: string) => (): void => router.go(to);
  const act = (label: string, run: () => void, more: Partial<Command> = {}): Command => ({
    id: label,
    group: 'Actions',
    label,
    run,
    ...more,
  });
  const commands = [
    act(platform.paused ? 'Follow the posts again' : 'Pause the posts', () => platform.togglePause(), { keys: 'p', also: 'hold freeze live' }),
    act('New watch', go('/watches/new'), { also: 'alert rule notify add' }),
    act('Ask an agent', go('/agents'), { also: 'question chat run' }),
    act('Run a pipeline', go('/pipelines'), { also: 'briefing weekly report deep dive' }),
    act('Add a feed', go('/feeds#add'), { also: 'source connect' }),
    act('Make an access token', go('/settings#tokens'), { also: 'key api mcp' }),
    act('Show the state of all parts', deeds.status, { also: 'health status degraded' }),
    act('List the shortcuts', deeds.shortcuts, { keys: '?', also: 'keyboard help keys' }),
    act(theme.dark ? 'Use the light theme' : 'Use the dark theme', () => theme.toggle(), { keys: 't', also: 'colour dark light' }),
    act('Copy the address of this view', () => void navigator.clipboard?.writeText(location.href), { also: 'link url share' }),
  ];
  if (alerts.unread) commands.push(act('Mark all alerts as seen', () => void alerts.acknowledge(null)));
  if (session.signedIn) commands.push(act('Sign out', () => void session.signOut()));
  return commands;
}
