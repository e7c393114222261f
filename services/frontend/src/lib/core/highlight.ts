/** Splits a text into plain and matching runs, so that a match can be shown without any HTML. */

export type Run = { text: string; hit: boolean };

const MARKS = /\p{M}/gu;
const WORDS = /[\p{L}\p{N}]+/gu;
const WORD_CHARACTER = /[\p{L}\p{N}]/u;
const SHORT = 3;
const SPACELESS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/** Lower case without accents, with the place in the original of every folded character. */
function fold(text: string): { folded: string; origin: number[] } {
  let folded = '';
  const origin: number[] = [];
  let place = 0;
  for (const character of text) {
    const plain = character.normalize('NFD').replace(MARKS, '').toLowerCase();
    for (let i = 0; i < plain.length; i++) origin.push(place);
    folded += plain;
    place += character.length;
  }
  origin.push(text.length);
  return { folded, origin };
}

/** Marks every word of `query` where a word of `text` begins with it; very short words as a whole. */
export function highlight(text: string, query: string): Run[] {
  const words = [...new Set(fold(query).folded.match(WORDS) ?? [])];
  if (!words.length || !text) return text ? [{ text, hit: false }] : [];
  const { folded, origin } = fold(text);
  const spans = merge(words.flatMap((word) => occurrences(folded, word)));
  return cut(
    text,
    spans.map(([from, to]) => [origin[from] ?? 0, origin[to] ?? text.length]),
  );
}

/** Marks `ranges` [start, end) of code points; JavaScript's own places count a character beyond the BMP twice. */
export function marked(text: string, ranges: readonly (readonly [number, number])[]): Run[] {
  if (!text) return [];
  const places: number[] = [];
  let place = 0;
  for (const character of text) {
    places.push(place);
    place += character.length;
  }
  const at = (point: number): number => places[point] ?? text.length;
  return cut(text, merge(ranges.filter(([from, to]) => from < to).map(([from, to]) => [at(from), at(to)])));
}

function occurrences(folded: string, word: string): [number, number][] {
  const found: [number, number][] = [];
  const anywhere = SPACELESS.test(word);
  const whole = word.length < SHORT;
  for (let i = folded.indexOf(word); i !== -1; i = folded.indexOf(word, i + word.length)) {
    const begins = !WORD_CHARACTER.test(folded[i - 1] ?? '');
    const ends = !WORD_CHARACTER.test(folded[i + word.length] ?? '');
    if (anywhere || (begins && (ends || !whole))) found.push([i, i + word.length]);
  }
  return found;
}

function merge(spans: [number, number][]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

function cut(text: string, spans: [number, number][]): Run[] {
  const runs: Run[] = [];
  let place = 0;
  for (const [from, to] of spans) {
    if (from > place) runs.push({ text: text.slice(place, from), hit: false });
    runs.push({ text: text.slice(from, to), hit: true });
    place = to;
  }
  if (place < text.length) runs.push({ text: text.slice(place), hit: false });
  return runs;
}
