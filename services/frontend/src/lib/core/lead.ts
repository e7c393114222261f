/** What the overview says first: the topic that stands out, or why there is none yet. */
import type { Topic, TopicList } from '../api/types';
import { plural } from './format';

export type Lead =
  | { kind: 'topic'; topic: Topic; caveat: string | null }
  | { kind: 'listening'; title: string; text: string };

const STANDING_OUT: ReadonlySet<string> = new Set(['rising', 'peaking']);

export function lead(list: TopicList): Lead {
  const topic = list.topics.find((candidate) => STANDING_OUT.has(candidate.status));
  if (topic) return { kind: 'topic', topic, caveat: topic.provisional ? provisional(list) : null };
  const minutes = Math.floor(list.baseline_minutes);
  if (minutes < list.warmup_minutes) {
    return {
      kind: 'listening',
      title: `Listening. ${plural(minutes, 'minute')} of baseline so far.`,
      text:
        `A topic stands out when many people suddenly write about it more than usual. What is usual ` +
        `takes ${plural(list.warmup_minutes, 'minute')} to learn; a strong surge shows earlier, marked provisional.`,
    };
  }
  return {
    kind: 'listening',
    title: 'Nothing stands out right now.',
    text: 'Every topic is within its usual range. The first one to leave it will be named here.',
  };
}

/** Says plainly how far a young baseline can be trusted. */
export function provisional(list: TopicList): string {
  const minutes = Math.floor(list.baseline_minutes);
  if (minutes >= list.warmup_minutes) return 'Provisional: too little is known yet of what is usual for this topic.';
  return `Provisional: the baseline is ${plural(minutes, 'minute')} old and is trusted after ${list.warmup_minutes}.`;
}
