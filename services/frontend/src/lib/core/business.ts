/** Business figures, ready to draw and to read out. */
import type { BusinessDay, BusinessFigures, Figure } from '../api/types';
import { plural, usd } from './format';

export type FigureName = keyof BusinessFigures;

export interface FigureKind {
  name: FigureName;
  title: string;
  /** What the whole counts, for one and for many. */
  one: string;
  many: string;
  part: string;
  money?: true;
}

export const figureKinds: readonly FigureKind[] = [
  { name: 'llm_success', title: 'Models that answered', one: 'attempt', many: 'attempts', part: 'answered' },
  { name: 'interaction_cost', title: 'Cost per interaction', one: 'run that ended', many: 'runs that ended', part: 'spent', money: true },
  { name: 'agent_completion', title: 'Agents that finished', one: 'run of an agent', many: 'runs of agents', part: 'done' },
  { name: 'pipeline_success', title: 'Pipelines that finished', one: 'run of a pipeline', many: 'runs of pipelines', part: 'done' },
  { name: 'cache_hits', title: 'Answered without a model', one: 'question', many: 'questions', part: 'answered from before' },
  { name: 'reports_opened', title: 'Reports that were opened', one: 'report', many: 'reports', part: 'opened' },
  { name: 'reports_helpful', title: 'Reports called helpful', one: 'vote', many: 'votes', part: 'helpful' },
];

/** `83%`, `$0.02`, or `no data`. Only all of it is `100%`, and only none of it `0%`. */
export function figureText(kind: FigureKind, figure: Figure): string {
  if (figure.value === null) return 'no data';
  if (kind.money) return usd(figure.value);
  const percent = 100 * figure.value;
  if (percent > 0 && percent < 1) return 'under 1%';
  return `${percent > 99 && percent < 100 ? 99 : Math.round(percent)}%`;
}

/** Part and whole in words: `10 of 12 attempts answered`. */
export function figureWords(kind: FigureKind, figure: Figure): string {
  const whole = plural(figure.whole, kind.one, kind.many);
  if (kind.money) return `${usd(figure.part)} ${kind.part} in ${whole}`;
  return `${figure.part.toLocaleString('en')} of ${whole} ${kind.part}`;
}

export interface Bar {
  day: string;
  /** Height in percent; null on a day without data, which is no day of 0. */
  height: number | null;
  text: string;
}

/** Oldest first. Shares are drawn against 100 %, money against the dearest day. */
export function bars(kind: FigureKind, days: readonly BusinessDay[]): Bar[] {
  const values = days.map((day) => day[kind.name].value ?? 0);
  const top = kind.money ? Math.max(...values, 0) || 1 : 1;
  return days.toReversed().map((day) => {
    const figure = day[kind.name];
    return {
      day: day.day,
      height: figure.value === null ? null : (100 * figure.value) / top,
      text: `${day.day}: ${figureText(kind, figure)}${figure.value === null ? '' : `, ${figureWords(kind, figure)}`}`,
    };
  });
}
