import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { batched } from './frame';

let frames: FrameRequestCallback[] = [];

/** Gives the frame the browser owes us, at a time of its own. */
function frame(now: number): void {
  const due = frames;
  frames = [];
  for (const callback of due) callback(now);
}

beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback));
  vi.stubGlobal('cancelAnimationFrame', () => (frames = []));
});
afterEach(() => vi.unstubAllGlobals());

it('draws once for many marks, and not more often than asked', () => {
  const draw = vi.fn();
  const batch = batched(500, draw);
  batch.mark();
  batch.mark();
  frame(1000);
  expect(draw).toHaveBeenCalledTimes(1);
  batch.mark();
  frame(1016);
  frame(1400);
  expect(draw).toHaveBeenCalledTimes(1);
  frame(1500);
  expect(draw).toHaveBeenCalledTimes(2);
  expect(frames).toHaveLength(0);
});

it('draws nothing in a hidden tab, which gets no frames', () => {
  const draw = vi.fn();
  const batch = batched(500, draw);
  for (let i = 0; i < 1000; i++) batch.mark();
  expect(draw).not.toHaveBeenCalled();
  expect(frames).toHaveLength(1);
  batch.stop();
  expect(frames).toHaveLength(0);
});
