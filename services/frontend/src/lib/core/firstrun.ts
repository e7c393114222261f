/** The way from empty to a first insight: one step at a time, each gone once it is done or dismissed. */

export interface Progress {
  /** Feeds that are on. */
  feeds: number;
  posts: number;
  topics: number;
  watches: number;
  reports: number;
  /** The strongest topic. */
  topic: { id: string; label: string } | null;
}

export interface Hint {
  id: string;
  /** Of how many steps this is which. */
  step: number;
  text: string;
  act: string;
  href: string;
}

export const STEPS = 4;

/** The first step that is not done and was not dismissed; null when nothing is left to say. */
export function nextHint(progress: Progress, dismissed: readonly string[]): Hint | null {
  const found = hint(progress);
  return found && !dismissed.includes(found.id) && !dismissed.includes('all') ? found : null;
}

function hint({ feeds, posts, topics, watches, reports, topic }: Progress): Hint | null {
  if (feeds === 0) {
    return { id: 'feed', step: 1, text: 'Nothing is read yet. Choose where posts come from.', act: 'Add a feed', href: '/feeds' };
  }
  if (posts === 0) return null; // The list of posts says that it waits; there is nothing to do but wait.
  if (topics === 0) {
    return {
      id: 'search',
      step: 2,
      text: 'Posts are coming in. Until topics form, you can search what is there, by meaning too.',
      act: 'Search',
      href: '/search',
    };
  }
  if (reports === 0 && topic) {
    return {
      id: 'briefing',
      step: 3,
      text: `“${topic.label}” is moving. See why, who and since when, and have it written up with its sources.`,
      act: 'Open the topic',
      href: `/topics/${encodeURIComponent(topic.id)}`,
    };
  }
  if (watches === 0) {
    return { id: 'watch', step: 4, text: 'Be told when something you care about is talked about.', act: 'Make a watch', href: '/watches/new' };
  }
  return null;
}
