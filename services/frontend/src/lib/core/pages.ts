/** Lists that are read page by page, newest first, while new entries come at their top. */

export interface Entry {
  id: string;
  created_at: string;
}

export interface Paged<T extends Entry> {
  entries: readonly T[];
  /** Where the next page begins; null when that was all. */
  next: string | null;
}

function isOlder(one: Entry, than: Entry): boolean {
  const [a, b] = [Date.parse(one.created_at), Date.parse(than.created_at)];
  return a < b || (a === b && one.id < than.id);
}

/**
 * The first page, read anew, before the older entries that are known already. Where the two no longer meet, what is
 * between them is unknown, so that only the new page is kept.
 */
export function withFirst<T extends Entry>(known: Paged<T>, first: Paged<T>): Paged<T> {
  const last = first.entries.at(-1);
  if (first.next === null || !last) return first;
  const ids = new Set(known.entries.map((one) => one.id));
  if (!first.entries.some((one) => ids.has(one.id))) return first;
  const older = known.entries.filter((one) => isOlder(one, last));
  return older.length ? { entries: [...first.entries, ...older], next: known.next } : first;
}

/** The page after those that are known; what is in both stands once. */
export function withNext<T extends Entry>(known: Paged<T>, page: Paged<T>): Paged<T> {
  const ids = new Set(known.entries.map((one) => one.id));
  return { entries: [...known.entries, ...page.entries.filter((one) => !ids.has(one.id))], next: page.next };
}
