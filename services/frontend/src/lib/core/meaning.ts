/** Whether posts can be compared by meaning now, and what helps when not. */
import type { Health } from '../api/types';
import { asSentence } from './format';

/** Parts that comparing by meaning needs: what embeds the sentence, what embeds posts, and where vectors are kept. */
const NEEDED = ['api.embedder', 'relay.embedding', 'relay.vectors'];

/** Why meaning is away, and what to do; null while nothing is known to be wrong. */
export function meaningAway(health: Health | null): { why: string; help: string } | null {
  const parts = health?.components ?? [];
  const needed = NEEDED.map((name) => parts.find((part) => part.name === name));
  const part = needed.find((candidate) => candidate && candidate.state !== 'ok');
  if (!part) return null;
  const why = `${part.title}: ${part.state}${part.reason ? `, ${part.reason}` : ''}`;
  return { why: asSentence(why), help: asSentence(part.do ?? '') };
}
