/** The steps of a run as its stream tells them: by their place, each once, the newest word holds. */
import type { RunEvent } from '../api/types';

/** What a step says, or null for what is no step. Unknown fields are kept out of the way, missing ones are empty. */
export function readStep(json: unknown): RunEvent | null {
  if (typeof json !== 'object' || json === null) return null;
  const said = json as Partial<Record<keyof RunEvent, unknown>>;
  if (typeof said.n !== 'number' || typeof said.name !== 'string') return null;
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    n: said.n,
    name: said.name,
    title: text(said.title) ?? said.name,
    kind: text(said.kind) ?? 'work',
    status: text(said.status) ?? 'pending',
    request: said.request ?? null,
    detail: text(said.detail),
    cost_nano_usd: typeof said.cost_nano_usd === 'number' ? said.cost_nano_usd : 0,
    approval: text(said.approval),
    rejected: text(said.rejected),
    plainer: text(said.plainer),
    started_at: text(said.started_at),
    finished_at: text(said.finished_at),
  };
}

/** `steps` with `step` in its place: a step that was there is replaced. */
export function withStep(steps: readonly RunEvent[], step: RunEvent): RunEvent[] {
  const others = steps.filter((known) => known.n !== step.n);
  const place = others.findIndex((known) => known.n > step.n);
  return place < 0 ? [...others, step] : [...others.slice(0, place), step, ...others.slice(place)];
}

/** `steps` without the one with the number `n`, which was forgotten. */
export function withoutStep(steps: readonly RunEvent[], n: number): RunEvent[] {
  return steps.filter((known) => known.n !== n);
}

/** What was asked, as indented text; nothing where there is nothing to see. */
export function asked(step: RunEvent): string {
  if (step.request === null || step.request === undefined) return '';
  if (typeof step.request === 'object' && Object.keys(step.request).length === 0) return '';
  return JSON.stringify(step.request, null, 2);
}

/** A sentence for those who cannot see the list grow. */
export function spoken(step: RunEvent, word: string): string {
  return `${step.title}: ${word}.`;
}
