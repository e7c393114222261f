import { describe, expect, it } from 'vitest';
import type { Agent } from '../api/types';
import { approvalSentence, deeds, doer, inTheWay, limitsSentence, queryOf, spentOf, wrongWith } from './agents';
import { makeHealth, makePart } from './fixtures';
import { splitUnsupported } from './supported';

const agent: Agent = {
  name: 'scout', asked: true, title: 'Scout', summary: '', operations: [], scopes: [], approval: 'tainted', contract: 'findings',
  limits: { steps: 1, tokens: 600_000, nano_usd: 3e8, seconds: 600 },
};

describe('an agent in words', () => {
  it('says where it stops', () => {
    expect(limitsSentence(agent)).toBe('Stops after 1 step, 10 minutes, 600,000 tokens or $0.30, and reports what it has.');
    expect(limitsSentence({ ...agent, limits: { ...agent.limits, nano_usd: 0 } })).toContain('or free models only');
  });

  it.each([['never', 'changes nothing'], ['always', 'waits for your yes'], ['tainted', 'Once it has read']])('says for %s what it may change', (approval, words) => {
    expect(approvalSentence({ ...agent, approval })).toContain(words);
  });
});

describe('what is in the way', () => {
  it('is the worker first, then models, then nothing', () => {
    const worker = makePart({ name: 'worker', state: 'down', reason: 'No word for 20 s.', do: 'Start the worker' });
    const models = makePart({ name: 'worker.llm', state: 'off', reason: 'no key' });
    expect(inTheWay(makeHealth([models, worker]))).toEqual({
      what: 'No worker is running. No word for 20 s. Questions wait until one is.', help: 'Start the worker.',
    });
    expect(inTheWay(makeHealth([models]))?.what).toBe(
      'No language model is set up: no key. Without one an agent lists the posts that it finds and concludes nothing.',
    );
    const same = makePart({ name: 'worker.llm', state: 'off', reason: 'No language model is set up.' });
    expect(inTheWay(makeHealth([same]))?.what).toMatch(/^No language model is set up\. Without/);
    expect(inTheWay(makeHealth([makePart({ name: 'worker' }), makePart({ name: 'worker.llm' })]))).toBeNull();
    expect(inTheWay(null)).toBeNull();
    const runs = { waits: 'Runs', without: 'Without one code counts.' };
    expect(inTheWay(makeHealth([worker]), runs)?.what).toContain('Runs wait until one is.');
    expect(inTheWay(makeHealth([models]), runs)?.what).toMatch(/no key\. Without one code counts\.$/);
  });
});

describe('runs', () => {
  it('are asked for by what did them and how they stand', () => {
    const chains = ['deep-dive', 'weekly-report'];
    expect(queryOf({ what: '', status: '' }, chains)).toEqual({});
    expect(queryOf({ what: 'briefing', status: 'failed' }, chains)).toEqual({ kind: 'briefing', status: 'failed' });
    expect(queryOf({ what: 'deep-dive', status: 'open' }, chains)).toEqual({ pipeline: 'deep-dive', status: 'open' });
    expect(queryOf({ what: 'scout', status: 'nonsense' }, chains)).toEqual({ agent: 'scout' });
  });

  it('name what did them', () => {
    expect(doer({ agent: 'scout', pipeline: null, kind: 'agent' })).toBe('scout');
    expect(doer({ agent: null, pipeline: 'deep-dive', kind: 'pipeline' })).toBe('deep-dive');
    expect(doer({ agent: null, pipeline: null, kind: 'briefing' })).toBe('briefing');
  });

  it.each([
    ['queued', true, false, false],
    ['running', true, false, false],
    ['needs_approval', true, false, false],
    ['needs_human', true, true, true],
    ['failed', false, true, true],
    ['done', false, false, true],
    ['cancelled', false, false, true],
  ])('that are %s can be cancelled %s, retried %s, retried from a step %s', (status, cancel, retry, retryFrom) => {
    expect(deeds({ agent: 'scout', pipeline: null }, status)).toEqual({ cancel, retry, retryFrom });
    expect(deeds({ agent: null, pipeline: 'deep-dive' }, status).retryFrom).toBe(retryFrom);
    expect(deeds({ agent: null, pipeline: null }, status).retryFrom).toBe(false);
  });

  it('tell what they spent of what they may', () => {
    expect(spentOf(1e8, 5e8)).toEqual({ part: 20, sentence: '$0.10 of $0.50 spent.' });
    expect(spentOf(9e8, 5e8).part).toBe(100);
    expect(spentOf(0, null)).toEqual({ part: null, sentence: 'Nothing spent.' });
    expect(spentOf(0, 0).sentence).toContain('free models only');
  });
});

describe('a question', () => {
  it('needs three letters, and has at most 4,000', () => {
    expect(wrongWith('  ab  ')).toContain('three letters');
    expect(wrongWith('why')).toBeNull();
    expect(wrongWith('x'.repeat(4001))).toContain('4,000');
  });
});

describe('unsupported claims', () => {
  it('are told apart by the mark at their end alone', () => {
    expect(splitUnsupported('It lost 99 pontoons. [1] (unsupported: 99 stands in nothing that it cites)')).toEqual({
      text: 'It lost 99 pontoons. [1]', why: '99 stands in nothing that it cites',
    });
    expect(splitUnsupported('Somebody wrote (unsupported: x) here. [1]').why).toBeNull();
    expect(splitUnsupported('Plain. [1]')).toEqual({ text: 'Plain. [1]', why: null });
  });
});
