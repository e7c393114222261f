import { describe, expect, it } from 'vitest';
import { highlight, marked } from './highlight';

/** Matches in brackets, so that a test reads as one line. */
const show = (text: string, query: string) =>
  highlight(text, query).map((run) => (run.hit ? `[${run.text}]` : run.text)).join('');

describe('highlight', () => {
  it.each([
    ['ignores case', 'Power is back', 'power', '[Power] is back'],
    ['ignores accents in the text', 'um apagão geral', 'apagao', 'um [apagão] geral'],
    ['ignores accents in the query', 'um apagao geral', 'apagão', 'um [apagao] geral'],
    ['marks where words begin, not inside them', 'empower the powerful', 'power', 'empower the [power]ful'],
    ['marks very short words only as a whole', 'in injuries', 'in', '[in] injuries'],
    ['marks several words', 'cut of power, power cut', 'power cut', '[cut] of [power], [power] [cut]'],
    ['joins overlapping matches', 'powerful', 'power powerful', '[powerful]'],
    ['finds words in scripts without spaces', 'リスボンの停電、復旧', '停電', 'リスボンの[停電]、復旧'],
    ['keeps markup as text', '<b>power</b>', 'power', '<b>[power]</b>'],
    ['takes operators in the query as separators', 'c++ (power)', '(power) +*?', 'c++ ([power])'],
    ['stays in place behind an emoji', '⚡️ power 👩‍💻 power', 'power', '⚡️ [power] 👩‍💻 [power]'],
    ['stays in place behind letters that fold longer', 'İzmir power', 'power', 'İzmir [power]'],
    ['marks nothing for a query without words', 'a - b', ' -- ', 'a - b'],
  ])('%s', (_what, text, query, expected) => {
    expect(show(text, query)).toBe(expected);
  });

  it('loses no character of the text', () => {
    const text = 'Ｐower ﬁre café ßtraße مرحبا 👨‍👩‍👧 power';
    const runs = highlight(text, 'power fire cafe strasse');
    expect(runs.map((run) => run.text).join('')).toBe(text);
  });

  it('gives nothing for an empty text', () => {
    expect(highlight('', 'power')).toEqual([]);
  });
});

it('ranges of code points are marked, whatever stands before them', () => {
  const hits = (text: string, ranges: [number, number][]) =>
    marked(text, ranges)
      .filter((run) => run.hit)
      .map((run) => run.text);
  expect(hits('🔥🔥 power cut', [[3, 8], [9, 12]])).toEqual(['power', 'cut']);
  expect(marked('🔥 a', [[0, 1]])).toEqual([{ text: '🔥', hit: true }, { text: ' a', hit: false }]);
  expect(hits('abc', [[1, 99], [0, 2], [2, 2]])).toEqual(['abc']);
  expect(marked('', [[0, 1]])).toEqual([]);
  expect(marked('plain', [])).toEqual([{ text: 'plain', hit: false }]);
});
