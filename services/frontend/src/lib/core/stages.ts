/** A run of a pipeline, stage by stage: what each did, what was rejected in it, and whether code alone wrote it. */
import type { Pipeline, PipelineStage, Run, RunEvent } from '../api/types';
import { OVER } from './agents';
import { compact, span, usd } from './format';

export interface Rejection {
  /** Which question to a model in this stage, from 1. */
  attempt: number;
  why: string;
}

export interface StageView {
  name: string;
  title: string;
  /** `Scout` or `code`; empty where nobody knows any more. */
  who: string;
  isAgent: boolean;
  takes: string;
  gives: string;
  limits: string;
  status: string;
  detail: string | null;
  seconds: number | null;
  cost: number;
  rejections: Rejection[];
  /** Why no model's answer stands here. */
  plainer: string | null;
  /** What it is doing at this moment. */
  now: string | null;
}

/** `fact-checker` as `Fact-checker`. */
export function asName(agent: string): string {
  return agent.charAt(0).toUpperCase() + agent.slice(1);
}

/** Where an agent stops in a stage: `30 steps, $0.30, 10 minutes`. */
export function limitsOf(stage: PipelineStage): string {
  const { steps, nano_usd: nano, seconds, tokens } = stage.limits ?? {};
  const said: string[] = [];
  if (steps) said.push(`${steps} steps`);
  if (nano !== undefined) said.push(nano > 0 ? usd(nano) : 'free models');
  if (seconds) said.push(span(seconds));
  if (tokens) said.push(`${compact(tokens)} tokens`);
  return said.join(', ');
}

/** The stages as they are defined, before any run. */
export function defined(pipeline: Pipeline): StageView[] {
  return pipeline.stages.map((stage) => ({
    ...blank(stage.name, stage.title),
    who: stage.agent ? asName(stage.agent) : 'code',
    isAgent: stage.agent !== null,
    takes: stage.takes,
    gives: stage.gives,
    limits: limitsOf(stage),
  }));
}

/** The stages of a run, as its `steps` tell them; what the definition adds comes from `pipeline`, where it is known. */
export function performed(steps: readonly RunEvent[], pipeline: Pipeline | null, now: number): StageView[] {
  const known = new Map((pipeline ? defined(pipeline) : []).map((stage) => [stage.name, stage]));
  const stages: StageView[] = [];
  let asked = 0;
  for (const step of steps) {
    if (step.kind === 'work') {
      asked = 0;
      stages.push({
        ...(known.get(step.name) ?? blank(step.name, step.title)),
        status: step.status,
        detail: step.detail,
        seconds: took(step, now),
        cost: step.cost_nano_usd,
        plainer: step.plainer,
      });
      continue;
    }
    const stage = stages.at(-1);
    if (!stage) continue;
    stage.cost += step.cost_nano_usd;
    if (step.kind === 'ask') asked++;
    if (step.rejected) stage.rejections.push({ attempt: asked, why: step.rejected });
    if (step.status === 'running' || step.status.startsWith('needs_')) stage.now = step.title;
  }
  return stages.length ? stages : [...known.values()].map((stage) => ({ ...stage, status: 'pending' }));
}

/** A stage of which nothing has happened. */
function blank(name: string, title: string): StageView {
  return {
    name, title, who: '', isAgent: false, takes: '', gives: '', limits: '', status: '', detail: null, seconds: null,
    cost: 0, rejections: [], plainer: null, now: null,
  };
}

interface Timed {
  started_at?: string | null;
  finished_at?: string | null;
}

function took(step: Timed, now: number): number | null {
  if (!step.started_at) return null;
  const end = step.finished_at ? Date.parse(step.finished_at) : now;
  return Math.max(0, end - Date.parse(step.started_at)) / 1000;
}

/** Seconds that a run's stages took so far; null before the first begins. */
export function secondsOf(run: Pick<Run, 'steps' | 'status'>, now: number): number | null {
  const each = run.steps.map((step) => took(OVER.includes(run.status) && !step.finished_at ? {} : step, now));
  const known = each.filter((seconds) => seconds !== null);
  return known.length ? known.reduce((sum, seconds) => sum + seconds, 0) : null;
}

/** `stage 3 of 6: Writing`; null where no stage is under way. */
export function place(stages: readonly Pick<StageView, 'status' | 'title'>[]): string | null {
  const at = stages.findIndex((stage) => stage.status === 'running' || stage.status.startsWith('needs_'));
  const stage = stages[at];
  return stage ? `stage ${at + 1} of ${stages.length}: ${stage.title}` : null;
}

export interface Plainer {
  stages: string[];
  why: string;
}

/** The stages that code alone wrote, by why: one reason often holds for all. */
export function plainerBy(stages: readonly StageView[]): Plainer[] {
  const found = new Map<string, string[]>();
  for (const stage of stages) {
    if (stage.plainer) found.set(stage.plainer, [...(found.get(stage.plainer) ?? []), stage.title]);
  }
  return [...found].map(([why, titles]) => ({ stages: titles, why }));
}

/** What became of a stage whose answers were rejected. */
export function afterRejections(stage: StageView): string {
  if (stage.plainer) return 'What code writes without a model stands instead.';
  if (stage.status === 'done') return 'The model was told why, and its next answer was taken.';
  return stage.status === 'running' ? 'The model is told why and asked again.' : 'The stage ended with it.';
}
