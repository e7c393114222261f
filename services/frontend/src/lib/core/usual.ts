/** How a topic stands against what is usual for it, without multipliers of next to nothing. */
import type { Topic } from '../api/types';
import { times, whole } from './format';

type Counted = Pick<Topic, 'posts_hour' | 'usual_hour' | 'ratio'>;

const FEWEST = 1;
const CAPPED = 100;

/** True when so little is usual that "times the usual" would mean nothing. */
export function isNew(topic: Counted): boolean {
  return topic.usual_hour < FEWEST;
}

/** For tables: `3.8×`, `>100×`, or `new`. */
export function against(topic: Counted): string {
  if (isNew(topic)) return 'new';
  return topic.ratio > CAPPED ? `>${CAPPED}×` : times(topic.ratio);
}

/** For narrow lists, where no count stands beside it: `3.8×`, or `new, 511`. */
export function againstShort(topic: Counted): string {
  return isNew(topic) ? `new, ${whole(topic.posts_hour)}` : against(topic);
}

/** What is usual for an hour: `28`, `4.5`, or `under 1`. */
export function usual(topic: Counted): string {
  if (isNew(topic)) return 'under 1';
  return topic.usual_hour < 10 ? topic.usual_hour.toFixed(1).replace('.0', '') : whole(topic.usual_hour);
}
