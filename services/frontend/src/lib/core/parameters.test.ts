import { describe, expect, it } from 'vitest';
import { aboutSentence, emptyGiven, fieldsOf, givenOf, parametersOf, wrongWith } from './parameters';

const audit = { needs: ['feed', 'author', 'domain'], takes: ['days'], defaults: { days: 7 } };
const dive = { needs: ['topic'], takes: ['question'], defaults: {} };
const day = { needs: [], takes: ['question'], defaults: {} };
const none = { topic: '', feed: '', author: '', domain: '', days: 0, question: '' };

describe('what a run is given', () => {
  it('is what its pipeline takes, of things to choose between the chosen one', () => {
    expect(fieldsOf(audit, emptyGiven(audit))).toEqual(['feed', 'days']);
    expect(fieldsOf(audit, { ...emptyGiven(audit), need: 'domain' })).toEqual(['domain', 'days']);
    expect(fieldsOf(dive, emptyGiven(dive))).toEqual(['topic', 'question']);
    expect(fieldsOf(day, emptyGiven(day))).toEqual(['question']);
  });

  it('leaves out what was typed for another choice', () => {
    const given = { ...emptyGiven(audit), feed: 'bluesky', need: 'domain', domain: ' https://Example.org/path ' };
    expect(parametersOf(audit, given)).toEqual({ ...none, domain: 'Example.org', days: 7 });
    expect(parametersOf(day, { ...given, question: ' Ports? ' })).toEqual({ ...none, question: 'Ports?' });
  });

  it('comes back from a saved schedule as it was', () => {
    const saved = { ...none, author: 'did:plc:x', days: 3 };
    expect(parametersOf(audit, givenOf(audit, saved))).toEqual(saved);
    expect(givenOf(audit, { ...none }).days).toBe('7');
  });

  it.each([
    ['a topic', dive, {}, 'topic', 'Choose a topic'],
    ['a feed', audit, {}, 'feed', 'Choose a feed'],
    ['a site', audit, { need: 'domain', domain: 'not a site' }, 'domain', 'example.org'],
    ['an account', audit, { need: 'author', author: '  ' }, 'author', 'account'],
    ['days', audit, { feed: 'a', days: '40' }, 'days', '1 to 31'],
    ['days in words', audit, { feed: 'a', days: 'two' }, 'days', '1 to 31'],
  ])('wants %s', (_, pipeline, change, field, why) => {
    const wrong = wrongWith(pipeline, { ...emptyGiven(pipeline), ...change });
    expect(wrong?.field).toBe(field);
    expect(wrong?.why).toContain(why);
  });

  it('may be nothing where nothing is needed', () => {
    expect(wrongWith(day, emptyGiven(day))).toBeNull();
    expect(wrongWith(audit, { ...emptyGiven(audit), feed: 'a', days: '' })).toBeNull();
  });

  it('reads as words', () => {
    expect(aboutSentence({ ...none, topic: 't1', question: 'Who?' }, () => 'Grid outage')).toBe('topic Grid outage, “Who?”');
    expect(aboutSentence({ ...none, domain: 'a.org', days: 1 }, String)).toBe('site a.org, 1 day');
    expect(aboutSentence(none, String)).toBe('');
  });
});
