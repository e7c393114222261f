/** What a run of a pipeline is given: the draft of a form, what is wrong with it, and what is sent. */
import type { Pipeline, PipelineParameters } from '../api/types';
import { plural } from './format';

export type Parameter = keyof PipelineParameters;
type Known = Pick<Pipeline, 'needs' | 'takes' | 'defaults'>;

/** As a form holds it: all is text. `need` is which of the things that a pipeline needs one of. */
export interface Given {
  need: string;
  topic: string;
  feed: string;
  author: string;
  domain: string;
  days: string;
  question: string;
}

export interface Wrong {
  field: Parameter;
  why: string;
}

const DAYS_MOST = 31;
const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const MISSING: Partial<Record<Parameter, string>> = {
  topic: 'Choose a topic.',
  feed: 'Choose a feed.',
  author: 'Write the account as its posts have it, such as did:plc:…',
  domain: 'Write a site that posts link to, such as example.org.',
};

export function emptyGiven(pipeline: Known): Given {
  const days = pipeline.defaults.days;
  const none = { topic: '', feed: '', author: '', domain: '', question: '' };
  return { need: pipeline.needs[0] ?? '', ...none, days: typeof days === 'number' ? String(days) : '' };
}

/** A saved schedule's parameters, to be changed. */
export function givenOf(pipeline: Known, saved: PipelineParameters): Given {
  const need = pipeline.needs.find((name) => saved[name as Parameter]) ?? pipeline.needs[0] ?? '';
  const empty = emptyGiven(pipeline);
  const { topic = '', feed = '', author = '', domain = '', question = '' } = saved;
  return { need, topic, feed, author, domain, question, days: saved.days ? String(saved.days) : empty.days };
}

/** The fields of a form for it: the thing that it needs, as chosen, and all that it may take. */
export function fieldsOf(pipeline: Known, given: Given): Parameter[] {
  return [...pipeline.needs.filter((need) => need === given.need), ...pipeline.takes] as Parameter[];
}

export function wrongWith(pipeline: Known, given: Given): Wrong | null {
  const need = given.need as Parameter;
  if (pipeline.needs.includes(given.need) && !given[need].trim()) return { field: need, why: MISSING[need] ?? 'This is needed.' };
  if (given.need === 'domain' && !DOMAIN.test(siteOf(given.domain))) return { field: 'domain', why: MISSING.domain ?? '' };
  if (pipeline.takes.includes('days') && given.days) {
    const days = Number(given.days);
    if (!Number.isInteger(days) || days < 1 || days > DAYS_MOST) return { field: 'days', why: `From 1 to ${DAYS_MOST} days.` };
  }
  return null;
}

/** What is sent: of the draft only what this pipeline takes. */
export function parametersOf(pipeline: Known, given: Given): PipelineParameters {
  const wanted = fieldsOf(pipeline, given);
  const text = (name: Exclude<Parameter, 'days'>): string => (wanted.includes(name) ? (given[name] ?? '').trim() : '');
  const days = wanted.includes('days') ? Number(given.days) || 0 : 0;
  return { topic: text('topic'), feed: text('feed'), author: text('author'), domain: siteOf(text('domain')), days, question: text('question') };
}

/** A site's name also where somebody pasted its address. */
function siteOf(typed: string): string {
  return typed.trim().replace(/^https?:\/\//i, '').replace(/\/.*$/, '');
}

/** What a run is about, in words; empty where it is about everything. `label` names a topic. */
export function aboutSentence(saved: PipelineParameters, label: (topic: string) => string): string {
  const said: string[] = [];
  if (saved.topic) said.push(`topic ${label(saved.topic)}`);
  if (saved.feed) said.push(`feed ${saved.feed}`);
  if (saved.author) said.push(`account ${saved.author}`);
  if (saved.domain) said.push(`site ${saved.domain}`);
  if (saved.days) said.push(plural(saved.days, 'day'));
  if (saved.question) said.push(`“${saved.question}”`);
  return said.join(', ');
}
