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

const QUESTIONS = { waits: 'Questions', without: 'Without one an agent lists the posts that it finds and concludes nothing.' };

/**
 * What keeps a question from being answered well now, and what to do; null while nothing is known to be wrong.
 * `asked` says what waits for a worker, and what happens without a model.
 */
export function inTheWay(health: Health | null, asked: typeof QUESTIONS = QUESTIONS): { what: string; help: string } | null {
  const part = (name: string) => health?.components.find((known) => known.name === name);
  const worker = part('worker');
  if (worker && (worker.state === 'down' || worker.state === 'off')) {
    const why = worker.reason ? ` ${asSentence(worker.reason)}` : '';
    return { what: `No worker is running.${why} ${asked.waits} wait until one is.`, help: asSentence(worker.do ?? 'Start the worker') };
  }
  const models = part('worker.llm');
  if (models && models.state !== 'ok') {
    const what = models.state === 'off' ? 'No language model is set up' : 'Language models do not all answer';
    const why = models.reason && !models.reason.startsWith(what) ? `: ${models.reason}` : '';
    return {
      what: `${asSentence(what + why)} ${asked.without}`,
      help: 'docs/llm.md tells how to set one up, and how its limit holds.',
    };
  }
  return null;
}

export interface RunFilter {
  /** An agent's name, a pipeline's, or a kind such as `briefing`; empty for all. */
  what: string;
  /** A status; `open` for all that are not over; empty for all. */
  status: string;
}

/** Who or what did a run. */
export function doer(run: Pick<Run, 'agent' | 'pipeline' | 'kind'>): string {
  return run.agent ?? run.pipeline ?? run.kind;
}

/** What the server is asked for: `what` is an agent, a pipeline or a kind of run. */
export interface RunQuery {
  agent?: string;
  pipeline?: string;
  kind?: 'briefing' | 'agent' | 'pipeline';
  status?: (typeof STATUSES)[number];
}

export const KINDS = ['briefing', 'agent', 'pipeline'] as const;
export const STATUSES = ['open', 'queued', 'running', 'needs_approval', 'needs_human', 'done', 'failed', 'cancelled'] as const;

/** The filter as the server takes it. What an address names and nobody knows is an agent that is gone. */
export function queryOf(filter: RunFilter, pipelines: readonly string[]): RunQuery {
  const kind = KINDS.find((known) => known === filter.what);
  const status = STATUSES.find((known) => known === filter.status);
  const asked: RunQuery = status ? { status } : {};
  if (kind) return { ...asked, kind };
  if (pipelines.includes(filter.what)) return { ...asked, pipeline: filter.what };
  return filter.what ? { ...asked, agent: filter.what } : asked;
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

export function deeds(run: Pick<Run, 'agent' | 'pipeline'>, status: RunState['status']): Deeds {
  return {
    cancel: !OVER.includes(status),
    retry: status === 'failed' || status === 'needs_human',
    retryFrom: (run.agent ?? run.pipeline) !== null && ['done', 'failed', 'cancelled', 'needs_human'].includes(status),
  };
}

/** How a question has to be mended before it can be asked; null when it can. */
export function wrongWith(question: string): string | null {
  const said = question.trim();
  if (said.length < 3) return 'Write a question of at least three letters.';
  return said.length > 4000 ? 'Write at most 4,000 letters.' : null;
}
