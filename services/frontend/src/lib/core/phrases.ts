/** Words and phrases as a form holds them: those that are settled, and what is being typed. */

export interface Phrases {
  settled: string[];
  typing: string;
}

const QUOTES: Readonly<Record<string, string>> = { '"': '"', '“': '”', '„': '“', '«': '»', '「': '」' };

export function phrases(settled: readonly string[] = []): Phrases {
  return { settled: [...settled], typing: '' };
}

/** All of them, with what is being typed as if it were settled. */
export function every(given: Phrases): string[] {
  return settle(given).settled;
}

/**
 * What `text` settles. A line or a comma ends a phrase, unless the comma stands between digits or in a phrase that
 * began with a quotation mark: "Hello, world" and 10,000 stay whole.
 */
export function type(given: Phrases, text: string): Phrases {
  const { ended, rest } = parts(text);
  return { settled: unique([...given.settled, ...ended]), typing: rest };
}

/** What is being typed is done. */
export function settle(given: Phrases): Phrases {
  const { ended, rest } = parts(given.typing);
  return { settled: unique([...given.settled, ...ended, bare(rest.trim().replace(/[,、，]+$/, ''))]), typing: '' };
}

export function without(given: Phrases, phrase: string): Phrases {
  return { ...given, settled: given.settled.filter((other) => other !== phrase) };
}

/** The last settled phrase goes back to being typed. */
export function reopen(given: Phrases): Phrases {
  const last = given.settled.at(-1) ?? '';
  return { settled: given.settled.slice(0, -1), typing: /[,、，]/.test(last) ? `"${last}"` : last };
}

function parts(text: string): { ended: string[]; rest: string } {
  const ended: string[] = [];
  let start = 0;
  let closing = '';
  for (let i = 0; i < text.length; i++) {
    const sign = text.charAt(i);
    if (closing) {
      if (sign === closing || sign === '\n') closing = '';
      else continue;
    } else if (!text.slice(start, i).trim()) closing = QUOTES[sign] ?? '';
    if (!ends(text, i)) continue;
    ended.push(bare(text.slice(start, i)));
    start = i + 1;
  }
  return { ended, rest: text.slice(start).trimStart() };
}

function ends(text: string, at: number): boolean {
  const sign = text.charAt(at);
  if (sign !== ',') return sign === '\n' || sign === '、' || sign === '，';
  const digits = /\p{Nd}/u.test(text.charAt(at - 1));
  // At the end of what was typed so far, the next sign decides.
  return !(digits && (at + 1 === text.length || /\p{Nd}/u.test(text.charAt(at + 1))));
}

/** Without the quotation marks that kept it whole. */
function bare(phrase: string): string {
  const trimmed = phrase.trim();
  const closing = QUOTES[trimmed.charAt(0)];
  if (!closing) return trimmed;
  return (trimmed.length > 1 && trimmed.endsWith(closing) ? trimmed.slice(1, -1) : trimmed.slice(1)).trim();
}

function unique(found: readonly string[]): string[] {
  return [...new Set(found.filter(Boolean))];
}
