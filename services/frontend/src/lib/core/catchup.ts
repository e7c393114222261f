/** How far the feeds are behind, and how long reading the rest takes at the speed seen so far. */
import type { Feed } from '../api/types';

const SEEN_SECONDS = 20;
const LEAST_SECONDS = 4;

interface Sample {
  at: number;
  lag: number;
}

/** The enabled feed that is furthest behind among those that still read their past. */
export function behindmost(feeds: readonly Feed[]): Feed | null {
  const catching = feeds.filter((feed) => feed.enabled && feed.status === 'catching_up');
  return catching.reduce<Feed | null>((worst, feed) => ((feed.lag_seconds ?? 0) > (worst?.lag_seconds ?? -1) ? feed : worst), null);
}

/** Remembers how a lag shrank over the last seconds. Lags are in seconds, times in milliseconds. */
export class CatchUp {
  private samples: Sample[] = [];

  note(lag: number | null, at: number): void {
    if (lag === null) {
      this.samples = [];
      return;
    }
    const last = this.samples.at(-1);
    if (last?.lag === lag) return;
    this.samples = [...this.samples.filter((sample) => at - sample.at <= SEEN_SECONDS * 1000), { at, lag }];
  }

  /** Seconds until nothing is left to read; null while that cannot be told. */
  left(): number | null {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last) return null;
    const seconds = (last.at - first.at) / 1000;
    const gained = first.lag - last.lag;
    return seconds < LEAST_SECONDS || gained <= 0 ? null : (last.lag * seconds) / gained;
  }
}
