/** What the map of the last hour says in words, and where its links lead. */
import type { Cluster, ClusterList } from '../api/types';
import { plural, whole } from './format';

/** Letters of a circle's name must not run over its edge: about so many fit for each unit of radius. */
const LETTERS_PER_RADIUS = 0.17;
const LEAST_RADIUS = 40;

/** Words of a cluster's name, strongest first. */
export function words(cluster: Pick<Cluster, 'label'>): string[] {
  return cluster.label.split(' · ').filter(Boolean);
}

/** A search for any of the words: in several languages no post holds all of them. */
export function searchLink(cluster: Pick<Cluster, 'label'>): string {
  const any = words(cluster).map((word) => (/\s/.test(word) ? `"${word}"` : word));
  return `/search?q=${encodeURIComponent(any.join(' OR '))}`;
}

/** A new watch that waits for any of the words. */
export function watchLink(cluster: Pick<Cluster, 'label'>): string {
  return `/watches/new?${words(cluster)
    .map((word) => `q=${encodeURIComponent(word)}`)
    .join('&')}`;
}

/** Lines of a name inside its circle, none when the circle is too small for a word. */
export function inside(cluster: Pick<Cluster, 'label' | 'place'>): string[] {
  const { radius } = cluster.place;
  if (radius < LEAST_RADIUS) return [];
  const room = Math.floor(radius * LETTERS_PER_RADIUS);
  return words(cluster)
    .slice(0, radius > 60 ? 3 : 2)
    .map((word) => cut(word, room));
}

/** Wide letters (Chinese, Japanese, Korean) take the room of two. */
function cut(word: string, room: number): string {
  let taken = 0;
  let kept = '';
  for (const letter of word) {
    taken += /[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]/.test(letter) ? 1.8 : 1;
    if (taken > room) return `${kept.slice(0, -1)}…`;
    kept += letter;
  }
  return kept;
}

/** `312 posts by 280 people`; of a sample, what is known of both. */
export function size(cluster: Pick<Cluster, 'posts' | 'people'>, sampled: boolean): string {
  const posts = plural(cluster.posts, 'post');
  const people = plural(cluster.people, 'person', 'people');
  return sampled ? `about ${posts}, at least ${people}` : `${posts} by ${people}`;
}

/** Languages by share: `es 48%, en 30%`. */
export function tongues(cluster: Pick<Cluster, 'languages'>, most = 3): string {
  return cluster.languages
    .slice(0, most)
    .map(({ language, share }) => `${language} ${Math.round(share * 100)}%`)
    .join(', ');
}

/** The change between the halves of the hour: `42 in the last half hour, 17 in the one before`. */
export function change(cluster: Pick<Cluster, 'recent' | 'earlier'>): string {
  return `${whole(cluster.recent)} in the last half hour, ${whole(cluster.earlier)} in the one before`;
}

/** How much of the hour the clusters hold, in one sentence. */
export function summary(list: ClusterList): string {
  const { compared, scattered, clusters } = list;
  if (!compared) return '';
  const held = Math.round((100 * (compared - scattered)) / compared);
  const who = clusters.length === 1 ? '1 conversation holds' : `${clusters.length} conversations hold`;
  return `${who} ${held}% of the posts; the other ${100 - held}% are about nothing that many talk about.`;
}

/** What was compared, where it is not simply all of the hour. */
export function basis(list: ClusterList): string {
  if (isSample(list)) {
    return `${whole(list.compared)} of ${plural(list.posts, 'post')} were compared, an even sample; figures are scaled up.`;
  }
  return list.compared < list.posts ? `${whole(list.compared)} of ${plural(list.posts, 'post')} were compared.` : `All ${plural(list.posts, 'post')} were compared.`;
}

export function isSample(list: Pick<ClusterList, 'posts' | 'sampled'>): boolean {
  return list.sampled < list.posts;
}
