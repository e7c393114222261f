import { describe, expect, it } from 'vitest';
import type { Pipeline, RunEvent } from '../api/types';
import { afterRejections, defined, performed, place, plainerBy, secondsOf } from './stages';

const pipeline: Pipeline = {
  name: 'daily-briefing', title: 'Daily briefing', summary: '', needs: [], takes: ['question'], defaults: {},
  limits: { nano_usd: 9e8, seconds: 1500 },
  stages: [
    { name: 'scout', title: 'Looking', agent: 'fact-checker', code: null, takes: 'question', gives: 'findings', limits: { steps: 30, tokens: 600_000, nano_usd: 3e8, seconds: 600 } },
    { name: 'day', title: 'Counting', agent: null, code: 'day', takes: 'findings', gives: 'dossier', limits: null },
    { name: 'write', title: 'Writing', agent: 'writer', code: null, takes: 'dossier', gives: 'draft', limits: { steps: 6, nano_usd: 0 } },
  ],
};
const at = (second: number): string => new Date(second * 1000).toISOString();
const step = (n: number, name: string, kind: string, more: Partial<RunEvent> = {}): RunEvent => ({
  n, name, title: name, kind, status: 'done', request: null, detail: null, cost_nano_usd: 0, approval: null, rejected: null,
  plainer: null, started_at: null, finished_at: null, ...more,
});

describe('a pipeline before it runs', () => {
  it('says of each stage who does it and where it stops', () => {
    const [scout, day, write] = defined(pipeline);
    expect(scout).toMatchObject({ who: 'Fact-checker', isAgent: true, takes: 'question', gives: 'findings', status: '' });
    expect(scout?.limits).toBe('30 steps, $0.30, 10 minutes, 600K tokens');
    expect(day).toMatchObject({ who: 'code', isAgent: false, limits: '' });
    expect(write?.limits).toBe('6 steps, free models');
  });
});

describe('a run, stage by stage', () => {
  const steps = [
    step(0, 'scout', 'work', { started_at: at(0), finished_at: at(9), plainer: 'No model answered.' }),
    step(1, '1-ask', 'ask', { cost_nano_usd: 5 }),
    step(2, '2-posts', 'call'),
    step(200, 'day', 'work', { started_at: at(9), finished_at: at(10) }),
    step(400, 'write', 'work', { status: 'running', started_at: at(10) }),
    step(401, '401-ask', 'ask', { cost_nano_usd: 7, rejected: 'It cites x.' }),
    step(402, '402-ask', 'ask', { status: 'running', title: 'Asking a language model' }),
  ];

  it('gives each stage what its own steps did and cost', () => {
    const [scout, day, write] = performed(steps, pipeline, 16_000);
    expect(scout).toMatchObject({ status: 'done', seconds: 9, cost: 5, plainer: 'No model answered.', who: 'Fact-checker' });
    expect(day).toMatchObject({ cost: 0, rejections: [], now: null });
    expect(write).toMatchObject({ status: 'running', seconds: 6, cost: 7, now: 'Asking a language model', rejections: [{ attempt: 1, why: 'It cites x.' }] });
  });

  it('is told without the definition too, and as waiting before its first step', () => {
    expect(performed(steps, null, 0).map((stage) => [stage.title, stage.who])).toEqual([['scout', ''], ['day', ''], ['write', '']]);
    expect(performed([], pipeline, 0).map((stage) => stage.status)).toEqual(['pending', 'pending', 'pending']);
    expect(performed([], null, 0)).toEqual([]);
    expect(performed([step(1, '1-ask', 'ask')], null, 0)).toEqual([]);
  });

  it('names the stage under way', () => {
    expect(place(performed(steps, pipeline, 0))).toBe('stage 3 of 3: Writing');
    expect(place(performed(steps.slice(0, 4), pipeline, 0))).toBeNull();
  });

  it('says what became of what was rejected', () => {
    const [, , write] = performed(steps, pipeline, 0);
    if (!write) throw new Error('no stage');
    expect(afterRejections(write)).toContain('asked again');
    expect(afterRejections({ ...write, status: 'done' })).toContain('next answer was taken');
    expect(afterRejections({ ...write, status: 'done', plainer: 'Twice.' })).toContain('without a model');
    expect(afterRejections({ ...write, status: 'failed' })).toContain('ended');
  });

  it('puts stages that code alone wrote under their reason', () => {
    const stages = performed(steps, pipeline, 0).map((stage, i) => ({ ...stage, plainer: i === 1 ? null : 'No key.' }));
    expect(plainerBy(stages)).toEqual([{ stages: ['Looking', 'Writing'], why: 'No key.' }]);
  });
});

describe('how long a run took', () => {
  const run = (status: string, ...steps: { started_at: string | null; finished_at: string | null }[]) =>
    secondsOf({ status, steps: steps.map((one) => ({ ...one, name: '', title: '', status: 'done', detail: null })) } as Parameters<typeof secondsOf>[0], 20_000);

  it('is the time of its stages, without what it waited before and between', () => {
    expect(run('done', { started_at: at(0), finished_at: at(4) }, { started_at: at(9), finished_at: at(10) })).toBe(5);
    expect(run('running', { started_at: at(0), finished_at: at(4) }, { started_at: at(9), finished_at: null })).toBe(15);
    expect(run('cancelled', { started_at: at(0), finished_at: at(4) }, { started_at: at(9), finished_at: null })).toBe(4);
    expect(run('queued', { started_at: null, finished_at: null })).toBeNull();
    expect(run('queued')).toBeNull();
  });
});
