/** When pipelines run by themselves: the list, and what a person does to it. */
import { ask, client } from '../api/client';
import type { PipelineParameters, Schedule, ScheduleList, Weekday } from '../api/types';
import { Action } from './action.svelte';
import { Resource } from './resource.svelte';

export interface Rule {
  at: string;
  weekdays: Weekday[];
  zone: string;
}

export class Schedules {
  readonly list = new Resource<ScheduleList>((signal) => ask(client.GET('/api/v1/schedules', { signal })));
  readonly saving = new Action();

  get all(): readonly Schedule[] {
    return this.list.data?.schedules ?? [];
  }

  /** The one of a pipeline that is due first. */
  nextOf(pipeline: string): Schedule | null {
    return this.all.find((one) => one.pipeline === pipeline && one.due_at !== null) ?? null;
  }

  /** Saves a new one, or with `id` a change; null when that failed (then `saving.problem` says why). */
  async save(pipeline: string, rule: Rule, parameters: PipelineParameters, id: string | null): Promise<Schedule | null> {
    const saved = await this.saving.run(() =>
      id === null
        ? ask(client.POST('/api/v1/schedules', { body: { pipeline, ...parameters, ...rule, enabled: true } }))
        : ask(client.PATCH('/api/v1/schedules/{schedule}', { params: { path: { schedule: id } }, body: { ...rule, parameters } })),
    );
    if (saved) await this.list.refresh();
    return saved;
  }
}

/** The next times of a rule as the server counts them. */
export function dueTimes(rule: Rule, count: number, signal?: AbortSignal): Promise<readonly string[]> {
  const query = { at: rule.at, zone: rule.zone, weekdays: rule.weekdays.join(','), count };
  return ask(client.GET('/api/v1/due-times', { params: { query }, ...(signal ? { signal } : {}) })).then((found) => found.times);
}
