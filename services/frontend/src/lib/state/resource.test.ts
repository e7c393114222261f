// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiFailure } from '../api/client';
import { Resource } from './resource.svelte';

const away = { status: 503, what: 'away', why: '', do: '', request: '' };

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Resource', () => {
  it('keeps the old data when a later read fails', async () => {
    const load = vi.fn<() => Promise<number>>().mockResolvedValueOnce(1).mockRejectedValueOnce(new ApiFailure(away));
    const resource = new Resource(load);
    await resource.refresh();
    await resource.refresh();
    expect(resource.data).toBe(1);
    expect(resource.problem?.what).toBe('away');
    expect(resource.loading).toBe(false);
  });

  it('comes back by itself when the server says when', async () => {
    const load = vi.fn<() => Promise<number>>().mockRejectedValueOnce(new ApiFailure(away, 5)).mockResolvedValueOnce(2);
    const resource = new Resource(load);
    await resource.refresh();
    await vi.advanceTimersByTimeAsync(5000);
    expect(resource.data).toBe(2);
    expect(resource.problem).toBeNull();
  });

  it('ignores the answer of a read that was overtaken', async () => {
    let answerSlowly: (value: string) => void = () => {};
    const slow = new Promise<string>((resolve) => (answerSlowly = resolve));
    const load = vi.fn<(signal: AbortSignal) => Promise<string>>().mockReturnValueOnce(slow).mockResolvedValueOnce('new');
    const resource = new Resource(load);
    const first = resource.refresh();
    await resource.refresh();
    answerSlowly('old');
    await first;
    expect(resource.data).toBe('new');
    expect(load.mock.calls[0]?.[0].aborted).toBe(true);
  });

  it('does not read again after it was stopped', async () => {
    const load = vi.fn<() => Promise<number>>().mockRejectedValue(new ApiFailure(away, 5));
    const resource = new Resource(load);
    await resource.refresh();
    resource.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(load).toHaveBeenCalledTimes(1);
  });
});
