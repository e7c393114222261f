import { describe, expect, it } from 'vitest';
import { every, phrases, reopen, settle, type, without, type Phrases } from './phrases';

/** As a person types: sign by sign, each time with all that stands in the field. */
function typed(text: string): Phrases {
  return [...text].reduce((held, sign) => type(held, held.typing + sign), phrases());
}

describe('typing', () => {
  it.each([
    ['power cut, outage,', ['power cut', 'outage'], ''],
    ['power cut\nblackout', ['power cut'], 'blackout'],
    ['停電、地震，津波', ['停電', '地震'], '津波'],
    ['"Hello, world",', ['Hello, world'], ''],
    ['“Ready, steady, go”,x', ['Ready, steady, go'], 'x'],
    ['10,000 dead,', ['10,000 dead'], ''],
    ['won 10,', [], 'won 10,'],
    ['won 10, lost', ['won 10'], 'lost'],
    ['a 12" pizza, tea,', ['a 12" pizza', 'tea'], ''],
    ['"never closed, and so on', [], '"never closed, and so on'],
    [', ,\n', [], ''],
  ])('%j settles %j', (text, settled, typing) => {
    expect(typed(text)).toEqual({ settled, typing });
    expect(type(phrases(), text)).toEqual({ settled, typing });
  });

  it('counts what is being typed, each phrase once', () => {
    expect(every(typed('tea, coffee, tea'))).toEqual(['tea', 'coffee']);
    expect(every(typed('"never closed, and so on'))).toEqual(['never closed, and so on']);
    expect(every(typed('won 10,'))).toEqual(['won 10']);
    expect(every(phrases())).toEqual([]);
  });

  it('leaves a saved phrase with a comma whole, also when it is changed', () => {
    const saved = phrases(['tea', 'Hello, world']);
    expect(every(saved)).toEqual(['tea', 'Hello, world']);
    const opened = reopen(saved);
    expect(opened).toEqual({ settled: ['tea'], typing: '"Hello, world"' });
    expect(settle(opened)).toEqual(saved);
    expect(reopen(phrases())).toEqual(phrases());
    expect(without(saved, 'tea').settled).toEqual(['Hello, world']);
  });
});
