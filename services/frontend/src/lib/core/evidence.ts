/** Why a topic is shown, and what happened to it when. */
import type { Gap, Topic, TopicList } from '../api/types';
import { plural, span, times, whole } from './format';

/** The rules it met, with its own figures; what weakens them last. */
export function reasons(topic: Topic, list: Pick<TopicList, 'baseline_minutes' | 'warmup_minutes'> | null): string[] {
  const each = topic.authors_hour ? topic.posts_hour / topic.authors_hour : 0;
  const said = [
    `Its terms occur ${times(topic.ratio)} as often as is usual at this hour: ${whole(topic.posts_hour)} posts in the last hour of event time, ${whole(Math.round(topic.usual_hour))} expected.`,
    `${plural(topic.authors_hour, 'person', 'people')} wrote them, ${each.toFixed(1)} posts each. A few loud accounts would not be enough.`,
    `These ${plural(topic.terms.length, 'term')} rise together and in the same posts, so they are one topic.`,
  ];
  if (topic.provisional && list) {
    said.push(`What is usual is known for ${span(list.baseline_minutes * 60)} only; it takes ${span(list.warmup_minutes * 60)} to be sure.`);
  }
  return said;
}

export interface Moment {
  at: string;
  text: string;
  missing?: true;
}

/** What is known to have happened, oldest first; stretches without data among it. */
export function moments(topic: Topic, gaps: readonly Gap[]): Moment[] {
  const found: Moment[] = [
    { at: topic.began_at, text: 'Began to rise' },
    { at: topic.detected_at, text: 'Noticed here' },
  ];
  if (topic.peak_at && topic.peak_posts) {
    const now = topic.decay > 0.05 ? 'Busiest ten minutes so far' : 'Busiest ten minutes, now';
    found.push({ at: topic.peak_at, text: `${now}: ${plural(topic.peak_posts, 'post')}` });
  }
  if (topic.status === 'ended') found.push({ at: topic.updated_at, text: 'Ended' });
  const began = Date.parse(topic.began_at);
  for (const gap of gaps) {
    if (Date.parse(gap.end) < began) continue;
    const seconds = (Date.parse(gap.end) - Date.parse(gap.start)) / 1000;
    found.push({ at: gap.start, text: `${span(Math.max(60, seconds))} of ${gap.feed} are missing and not counted`, missing: true });
  }
  return found.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}
