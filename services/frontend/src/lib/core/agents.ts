/** Agents and their runs in words. */
import type { Agent, Health, Run, RunState } from '../api/types';
import { asSentence, plural, span, usd } from './format';

/** Statuses after which nothing comes by itself. */
export const OVER: readonly string[] = ['done', 'failed', 'cancelled', 'removed'];

/** Where a run of this agent stops, as a sentence. */
export function limitsSentence(agent: Agent): string {
  const { steps, tokens, nano_usd, seconds } = agent.limits;
  const money = nano_usd > 0 ? usd(nano_usd) : 'free models only';
  return `Stops after ${plural(steps, 'step')}, ${span(seconds)}, ${plural(tokens, 'token')} or ${money}, and reports what it has.`;
}

/** What it may change, as a sentence. */
export function approvalSentence(agent: Agent): string {
  if (agent.approval === 'never') return 'It changes nothing.';
  if (agent.approval === 'always') return 'Whatever it wants to change waits for your yes.';
  return 'Once it has read what strangers wrote, whatever it wants to change waits for your yes.';
}

/** What it hands in. */
export function handsIn(agent: Agent): string {
  return agent.contract === 'verdict' ? 'a verdict with the posts for and against it' : 'findings that cite the posts and calls they rest on';
}

/** What keeps a question from being answered well now, and what to do; null while nothing is known to be wrong. */
export function inTheWay(health: Health | null): { what: string; help: string } | null {
  const part = (name: string) => health?.components.find((known) => known.name === name);
  const worker = part('worker');
  if (worker && (worker.state === 'down' || worker.state === 'off')) {
    const why = worker.reason ? ` ${asSentence(worker.reason)}` : '';
    return { what: `No worker is running.${why} Questions wait until one is.`, help: asSentence(worker.do ?? 'Start the worker') };
  }
  const models = part('worker.llm');
  if (models && models.state !== 'ok') {
    const what = models.state === 'off' ? 'No language model is set up' : 'Language models do not all answer';
    const why = models.reason && !models.reason.startsWith(what) ? `: ${models.reason}` : '';
    return {
      what: `${asSentence(what + why)} Without one an agent lists the posts that it finds and concludes nothing.`,
      help: 'docs/llm.md tells how to set one up, and how its limit holds.',
    };
  }
  return null;
}

export interface RunFilter {
  /** An agent's name, `briefing` or another kind; empty for all. */
  what: string;
  /** A status; `open` for all that are not over; empty for all. */
  status: string;
}

/** Who or what did a run. */
export function doer(run: Pick<Run, 'agent' | 'kind'>): string {
  return run.agent ?? run.kind;
}

export function filtered(runs: readonly Run[], filter: RunFilter): Run[] {
  return runs.filter(
    (run) =>
      (!filter.what || doer(run) === filter.what) &&
      (!filter.status || (filter.status === 'open' ? !OVER.includes(run.status) : run.status === filter.status)),
  );
}

/** What is spent of what a run may cost; `part` in percent, null where there is no limit yet. */
export function spentOf(spend: number, limit: number | null): { part: number | null; sentence: string } {
  if (limit === null) return { part: null, sentence: spend ? `${usd(spend)} spent.` : 'Nothing spent.' };
  const part = limit > 0 ? Math.min(100, (100 * spend) / limit) : 100;
  return { part, sentence: limit > 0 ? `${usd(spend)} of ${usd(limit)} spent.` : `${usd(spend)} spent; it may ask free models only.` };
}

/** What a person can do to a run in this state. */
export interface Deeds {
  cancel: boolean;
  retry: boolean;
  retryFrom: boolean;
}

export function deeds(run: Pick<Run, 'agent'>, status: RunState['status']): Deeds {
  return {
    cancel: !OVER.includes(status),
    retry: status === 'failed' || status === 'needs_human',
    retryFrom: run.agent !== null && ['done', 'failed', 'cancelled', 'needs_human'].includes(status),
  };
}

/** How a question has to be mended before it can be asked; null when it can. */
export function wrongWith(question: string): string | null {
  const said = question.trim();
  if (said.length < 3) return 'Write a question of at least three letters.';
  return said.length > 4000 ? 'Write at most 4,000 letters.' : null;
}
