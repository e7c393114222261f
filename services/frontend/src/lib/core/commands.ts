/** What the command palette offers, and which of it fits what was typed. */

export interface Command {
  /** Stable, and unique within the list. */
  id: string;
  group: 'Pages' | 'Topics' | 'Watches' | 'Actions' | 'Search';
  label: string;
  /** Said in grey after the label: a state, a number. */
  note?: string;
  /** How the keyboard reaches it without the palette, such as `g o`. */
  keys?: string;
  /** Other words that find it. */
  also?: string;
  run(): void;
}

const SHOWN = 40;

/** Each word must begin a word of the label or of `also` (strong), or at least occur in them. 0 is no match. */
export function fit(command: Pick<Command, 'label' | 'also'>, query: string): number {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const label = fold(command.label);
  const text = `${label} ${fold(command.also ?? '')}`;
  let score = 1;
  for (const word of words) {
    if (label.startsWith(word)) score += 4;
    else if (` ${label}`.includes(` ${word}`)) score += 3;
    else if (` ${text}`.includes(` ${word}`)) score += 2;
    else if (text.includes(word)) score += 1;
    else return 0;
  }
  return score;
}

/** The commands that fit, best first; those that fit as well keep their order. All of them when nothing was typed. */
export function found(commands: readonly Command[], query: string): Command[] {
  const scored = commands.map((command, place) => ({ command, place, score: fit(command, query) }));
  return scored
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .slice(0, SHOWN)
    .map(({ command }) => command);
}

/** The list under headings: groups in the order in which their best command comes. */
export function grouped(commands: readonly Command[]): { group: Command['group']; commands: Command[] }[] {
  const groups = new Map<Command['group'], Command[]>();
  for (const command of commands) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  return [...groups].map(([group, members]) => ({ group, commands: members }));
}

/** Without case and accents, so that `apagao` finds `Apagão`. */
function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}
