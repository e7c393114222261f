/** The newest posts of the live stream: bounded, without doubles, and able to forget. */

export interface Identified {
  readonly id: string;
}

/**
 * Newest-first buffer of at most `capacity` items.
 *
 * `received` counts every distinct item ever added, so that a frozen reader can say how many are
 * new. Ids that were deleted are remembered (bounded) because a deletion may overtake its post.
 */
export class FeedBuffer<T extends Identified> {
  received = 0;
  private newest: T[] = [];
  private readonly ids = new Set<string>();
  private readonly gone = new Set<string>();

  constructor(readonly capacity: number) {}

  get items(): readonly T[] {
    return this.newest;
  }

  /** Adds a batch that is oldest first, as the stream sends it. Returns how many were new. */
  add(batch: readonly T[]): number {
    const fresh: T[] = [];
    for (const item of batch) {
      if (this.ids.has(item.id) || this.gone.has(item.id)) continue;
      this.ids.add(item.id);
      fresh.push(item);
    }
    if (!fresh.length) return 0;
    this.received += fresh.length;
    this.newest = [...fresh.reverse(), ...this.newest];
    for (const item of this.newest.splice(this.capacity)) this.ids.delete(item.id);
    return fresh.length;
  }

  /** Takes deleted posts out and keeps them out. */
  remove(ids: readonly string[]): void {
    for (const id of ids) {
      this.gone.add(id);
      this.ids.delete(id);
    }
    for (const id of this.gone) {
      if (this.gone.size <= this.capacity * 4) break;
      this.gone.delete(id);
    }
    const removed = new Set(ids);
    this.newest = this.newest.filter((item) => !removed.has(item.id));
  }

  isGone(id: string): boolean {
    return this.gone.has(id);
  }
}
