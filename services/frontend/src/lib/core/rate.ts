/** Sums over the last few seconds, for "showing 20 of 140/s". Memory is one slot a second. */
export class RateWindow {
  private readonly shown = new Map<number, number>();
  private readonly stored = new Map<number, number>();

  constructor(private readonly seconds = 10) {}

  add(now: number, shown: number, stored: number): void {
    const slot = Math.floor(now / 1000);
    this.shown.set(slot, (this.shown.get(slot) ?? 0) + shown);
    this.stored.set(slot, (this.stored.get(slot) ?? 0) + stored);
    this.forget(slot);
  }

  /** Posts a second, averaged over the window; the second in progress is left out. */
  read(now: number): { shown: number; stored: number } {
    const slot = Math.floor(now / 1000);
    this.forget(slot);
    return { shown: this.mean(this.shown, slot), stored: this.mean(this.stored, slot) };
  }

  private mean(slots: Map<number, number>, current: number): number {
    let sum = 0;
    let first = current;
    for (const [slot, count] of slots) {
      if (slot >= current) continue;
      sum += count;
      first = Math.min(first, slot);
    }
    return first < current ? sum / (current - first) : 0;
  }

  private forget(current: number): void {
    for (const slots of [this.shown, this.stored]) {
      for (const slot of slots.keys()) if (slot < current - this.seconds) slots.delete(slot);
    }
  }
}
