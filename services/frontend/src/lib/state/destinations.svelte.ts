/** Where alerts can be sent, shared by the list of watches and the form of one. */
import { ask, client } from '../api/client';
import type { DestinationList } from '../api/types';
import { Resource } from './resource.svelte';

export const destinations = new Resource<DestinationList>((signal) => ask(client.GET('/api/v1/destinations', { signal })));
