/** Report paragraphs are plain text with marks such as `[3]`; this finds the marks. */

export type Piece = { text: string; number: null } | { text: string; number: number };

/**
 * Splits a paragraph at its citation marks; numbers without a citation stay plain text. The space
 * before a mark goes, since marks are set as superscripts.
 */
export function splitCitations(paragraph: string, known: ReadonlySet<number>): Piece[] {
  const pieces: Piece[] = [];
  let place = 0;
  for (const match of paragraph.matchAll(/\[(\d{1,4})\]/g)) {
    const number = Number(match[1]);
    if (!known.has(number)) continue;
    const before = paragraph.slice(place, match.index).trimEnd();
    if (before) pieces.push({ text: before, number: null });
    pieces.push({ text: match[0], number });
    place = match.index + match[0].length;
  }
  if (place < paragraph.length) pieces.push({ text: paragraph.slice(place), number: null });
  return pieces;
}
