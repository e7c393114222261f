/** What matters most right now, as the notice and the phone's bar show it. */
import { notice } from '../core/notice';
import { time } from './clock.svelte';
import { platform } from './platform.svelte';

class Standing {
  readonly notice = $derived(
    notice({
      connection: platform.connection,
      heardAt: platform.heardAt,
      retryAt: platform.retryAt,
      missedAt: platform.missedAt,
      health: platform.health.data,
      healthProblem: platform.health.problem,
      feeds: platform.feedList,
      catchUpLeft: platform.catchUpLeft,
      streamReason: platform.streamReason,
      now: time.now,
    }),
  );
}

export const standing = new Standing();
