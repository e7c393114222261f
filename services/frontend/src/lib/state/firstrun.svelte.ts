/** Which hints of the first run were dismissed, in this browser. */
const KEY = 'groundswell.hints';

class Dismissed {
  ids: readonly string[] = $state.raw(read());

  add(id: string): void {
    this.ids = [...new Set([...this.ids, id])];
    try {
      localStorage.setItem(KEY, JSON.stringify(this.ids));
    } catch {
      // Storage may be blocked: then they are gone until the page is left.
    }
  }
}

function read(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

export const dismissed = new Dismissed();
