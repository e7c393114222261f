/** The arguments of a call as a person reads them before he says yes. */

/** What cannot be seen, or turns the order of what can: it would hide what is called. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** `json` on lines of its own, with what cannot be seen written out as `\u202e`. */
export function callText(json: string): string {
  return readable(json).replace(UNSEEN, (found) => (found === '\n' ? found : escaped(found)));
}

function readable(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
