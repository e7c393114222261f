/** Claims that a report itself marks as unsupported. */

const MARK = /\s*\(unsupported: ([^()]*(?:\([^()]*\)[^()]*)*)\)$/;

/** A paragraph without the mark at its end, and why the claim is not supported; null where it is. */
export function splitUnsupported(paragraph: string): { text: string; why: string | null } {
  const found = MARK.exec(paragraph);
  return found ? { text: paragraph.slice(0, found.index), why: found[1] ?? '' } : { text: paragraph, why: null };
}
