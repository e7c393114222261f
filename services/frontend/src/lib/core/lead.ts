/** What the overview says first: the topic that stands out, or why there is none yet. */
import type { Topic, TopicList } from '../api/types';
import { at, plural, span } from './format';
import { against, isNew } from './usual';

export type Lead =
  | { kind: 'topic'; topic: Topic; /** Runs on from the topic's name. */ says: Saying; caveat: string | null }
  | { kind: 'listening'; title: string; text: string };

export interface Saying {
  before: string;
  figure: string;
  after: string;
}

const STANDING_OUT: ReadonlySet<string> = new Set(['emerging', 'rising', 'peaking']);
const OLD_MS = 3 * 60_000;

/** `behind` is how many seconds of the feeds' past are still to be read, 0 when none. */
export function lead(list: TopicList, behind: number, now: number): Lead {
  const topic = list.topics.find((candidate) => STANDING_OUT.has(candidate.status));
  if (topic) return { kind: 'topic', topic, says: saying(topic), caveat: caveat(topic, list, now) };
  if (behind > 0) {
    return {
      kind: 'listening',
      title: `Catching up: ${span(behind)} still to read.`,
      text:
        'Posts that were written before are read first and count in the minute they were written. A topic stands out when ' +
        'many people suddenly write about it more than usual; the first one will be named here.',
    };
  }
  const minutes = Math.floor(list.baseline_minutes);
  if (minutes < list.warmup_minutes) {
    return {
      kind: 'listening',
      title: `Listening. ${span(minutes * 60)} of baseline so far.`,
      text:
        `A topic stands out when many people suddenly write about it more than usual. What is usual ` +
        `takes ${span(list.warmup_minutes * 60)} to learn; a strong surge shows earlier, marked provisional.`,
    };
  }
  return {
    kind: 'listening',
    title: 'Nothing stands out right now.',
    text: 'Every topic is within its usual range. The first one to leave it will be named here.',
  };
}

function saying(topic: Topic): Saying {
  if (isNew(topic)) {
    const posts = `${plural(topic.posts_hour, 'post').replace(' ', '\u00a0')} in the last hour`;
    return { before: 'is', figure: 'new', after: `: ${posts}, where fewer than one is usual` };
  }
  return { before: 'is at', figure: against(topic).replace('>', 'over '), after: ' its usual volume' };
}

function caveat(topic: Topic, list: TopicList, now: number): string | null {
  const old = list.as_of && now - Date.parse(list.as_of) > OLD_MS ? `Counted up to ${at(list.as_of, now)}.` : null;
  const young = topic.provisional ? provisional(list) : null;
  return [old, young].filter(Boolean).join(' ') || null;
}

/** What the sentence rests on. The one for a new topic has named its posts already. */
export function evidence(topic: Topic, now: number): string {
  if (!isNew(topic)) return topic.why;
  return `Written by ${plural(topic.authors_hour, 'person', 'people')}; began at ${at(topic.began_at, now)}.`;
}

/** Says plainly how far a young baseline can be trusted. */
export function provisional(list: TopicList): string {
  const minutes = Math.floor(list.baseline_minutes);
  if (minutes >= list.warmup_minutes) return 'Provisional: too little is known yet of what is usual for this topic.';
  const needed = span(list.warmup_minutes * 60);
  return `Provisional: what is usual was learnt from ${span(minutes * 60)}, and is trusted after ${needed}.`;
}
