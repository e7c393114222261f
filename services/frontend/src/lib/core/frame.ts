/**
 * Runs `draw` on an animation frame after `mark()`, at most once per `everyMs`. A hidden tab gets no
 * frames, so nothing is drawn there; the next visible frame draws what has gathered.
 */
export function batched(everyMs: number, draw: () => void): { mark(): void; stop(): void } {
  let frame = 0;
  let last = -Infinity;
  const loop = (now: number): void => {
    if (now - last < everyMs) {
      frame = requestAnimationFrame(loop);
      return;
    }
    frame = 0;
    last = now;
    draw();
  };
  return {
    mark() {
      frame ||= requestAnimationFrame(loop);
    },
    stop() {
      cancelAnimationFrame(frame);
      frame = 0;
    },
  };
}
