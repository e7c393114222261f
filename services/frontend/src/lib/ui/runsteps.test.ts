// @vitest-environment happy-dom
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Report, RunEvent } from '../api/types';
import { readStep } from '../core/runsteps';
import ReportBody from './ReportBody.svelte';
import RunSteps from './RunSteps.svelte';

const EVIL = '<img src=x onerror="globalThis.hit=1"><script>globalThis.hit=1</script>';
let drawn: Record<string, unknown> | null = null;

afterEach(() => {
  if (drawn) void unmount(drawn);
  document.body.textContent = '';
});

function draw(steps: RunEvent[], again: ((step: RunEvent) => void) | null = null): void {
  drawn = mount(RunSteps, { target: document.body, props: { steps, again } });
  flushSync();
}

const step = (change: Record<string, unknown>): RunEvent => readStep({ n: 1, name: '1-x', kind: 'call', ...change }) as RunEvent;

describe('RunSteps', () => {
  it('shows what strangers wrote as text, wherever it stands', () => {
    draw([step({ title: EVIL, detail: EVIL, status: EVIL, request: { [EVIL]: EVIL } })]);
    expect(document.querySelector('img, script')).toBeNull();
    expect(document.querySelector('.title span')?.textContent).toBe(EVIL);
    expect(document.querySelector('.detail')?.textContent).toBe(EVIL);
    expect(document.querySelector('pre')?.textContent).toContain('onerror');
  });

  it('says each state in words, with cost, and leads to where an approval is given', () => {
    draw([step({ title: 'Calling create_watch', status: 'needs_approval', cost_nano_usd: 2e9 })]);
    expect(document.body.textContent).toContain('waits for your approval');
    expect(document.querySelector('.cost')?.textContent).toBe('$2.00');
    expect(document.querySelector('a')?.getAttribute('href')).toBe('/models');
  });

  it('offers to do again from a step only where that can be done', () => {
    const again = vi.fn();
    draw([step({ request: { q: 'x' } }), step({ n: 9000, name: 'report', kind: 'work' })], again);
    const buttons = document.querySelectorAll('button');
    expect(buttons).toHaveLength(1);
    buttons[0]?.click();
    expect(again.mock.calls[0]?.[0].name).toBe('1-x');
  });
});

describe('ReportBody', () => {
  it('marks a claim without support, and says why, in text', () => {
    const report = { sections: [{ heading: EVIL, paragraphs: ['Good. [1]', `${EVIL} (unsupported: it cites nothing)`] }], citations: [] };
    drawn = mount(ReportBody, { target: document.body, props: { report: report as unknown as Report } });
    flushSync();
    expect(document.querySelector('img, script')).toBeNull();
    expect(document.querySelectorAll('.unsupported')).toHaveLength(1);
    expect(document.querySelector('.unsupported small')?.textContent).toContain('Unsupported: it cites nothing');
  });
});
