import { describe, expect, it } from 'vitest';
import { asked, readStep, withoutStep, withStep } from './runsteps';
import type { RunEvent } from '../api/types';

const step = (n: number, change: Partial<RunEvent> = {}): RunEvent => readStep({ n, name: `${n}-x`, ...change }) as RunEvent;

describe('readStep', () => {
  it('fills what is missing and leaves out what it does not know', () => {
    expect(readStep({ n: 3, name: '3-ask', colour: 'red', cost_nano_usd: 'much' })).toEqual({
      n: 3, name: '3-ask', title: '3-ask', kind: 'work', status: 'pending', request: null, detail: null,
      cost_nano_usd: 0, approval: null, rejected: null, plainer: null, started_at: null, finished_at: null,
    });
  });

  it.each([null, 'x', 5, [], {}, { n: '3', name: 'x' }, { n: 3 }])('takes %j for no step', (said) => {
    expect(readStep(said)).toBeNull();
  });
});

describe('the list', () => {
  it('replaces a step that comes again and keeps the order, whatever order they come in', () => {
    let list: readonly RunEvent[] = [];
    for (const one of [step(2, { status: 'running' }), step(9000), step(1), step(2, { status: 'done' }), step(3)]) list = withStep(list, one);
    expect(list.map(({ n, status }) => [n, status])).toEqual([[1, 'pending'], [2, 'done'], [3, 'pending'], [9000, 'pending']]);
  });

  it('forgets one that is gone, and minds none that was never there', () => {
    expect(withoutStep([step(1), step(2)], 2).map(({ n }) => n)).toEqual([1]);
    expect(withoutStep([step(1)], 7)).toHaveLength(1);
  });
});

describe('asked', () => {
  it('shows arguments as text and nothing for nothing', () => {
    expect(asked(step(1, { request: { q: '<b>' } }))).toBe('{\n  "q": "<b>"\n}');
    expect(asked(step(1, { request: {} }))).toBe('');
    expect(asked(step(1))).toBe('');
  });
});
