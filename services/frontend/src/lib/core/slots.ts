/** Gives each topic on the chart a colour that stays its own while it is there. */
export class ColourSlots {
  private taken = new Map<string, number>();

  constructor(readonly count: number) {}

  /** Frees the colours of topics that left, then gives newcomers the lowest free ones. */
  assign(ids: readonly string[]): ReadonlyMap<string, number> {
    const kept = new Map<string, number>();
    for (const id of ids) {
      const slot = this.taken.get(id);
      if (slot !== undefined) kept.set(id, slot);
    }
    for (const id of ids) {
      if (kept.has(id) || kept.size >= this.count) continue;
      const used = new Set(kept.values());
      let slot = 0;
      while (used.has(slot)) slot++;
      kept.set(id, slot);
    }
    this.taken = kept;
    return kept;
  }
}
