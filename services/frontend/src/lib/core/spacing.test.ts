import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Spacing } from './spacing';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('calls at once, then at most once a stretch, and never forgets the last request', () => {
  const call = vi.fn();
  const spacing = new Spacing(5000, call);
  spacing.soon();
  spacing.soon();
  spacing.soon();
  expect(call).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(5000);
  expect(call).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(60_000);
  expect(call).toHaveBeenCalledTimes(2);
});

it('calls nothing after it was stopped', () => {
  const call = vi.fn();
  const spacing = new Spacing(5000, call);
  spacing.now();
  spacing.soon();
  spacing.stop();
  vi.advanceTimersByTime(60_000);
  expect(call).toHaveBeenCalledTimes(1);
});
