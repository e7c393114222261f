/** Places labels at the ends of lines without overlap. */

/**
 * Moves wanted heights apart until neighbours are `spacing` apart and all lie in [top, bottom].
 *
 * Works on groups: labels that collide form a block centred on the mean of what they want, and
 * blocks that collide merge (pool adjacent violators), so that the total shift stays small.
 * Returns heights in the order of the input. When there is no room, spacing shrinks evenly.
 */
export function spread(wanted: readonly number[], spacing: number, top: number, bottom: number): number[] {
  const count = wanted.length;
  if (!count) return [];
  const room = count > 1 ? (bottom - top) / (count - 1) : spacing;
  const step = Math.min(spacing, room);
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0) || a - b);

  type Block = { sum: number; size: number };
  const blocks: Block[] = [];
  const start = ({ sum, size }: Block): number => clamp(sum / size, top, bottom - step * (size - 1));
  for (const i of order) {
    let block: Block = { sum: wanted[i] ?? 0, size: 1 };
    for (let above = blocks.at(-1); above; above = blocks.at(-1)) {
      if (start(above) + step * above.size <= start(block)) break;
      // Each label further down wants its block to start one step higher.
      const shifted = block.sum - step * above.size * block.size;
      block = { sum: above.sum + shifted, size: above.size + block.size };
      blocks.pop();
    }
    blocks.push(block);
  }

  const placed = new Array<number>(count).fill(0);
  let next = 0;
  for (const block of blocks) {
    const first = start(block);
    for (let k = 0; k < block.size; k++) placed[order[next++] ?? 0] = first + step * k;
  }
  return placed;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** Something to be named above a plot: from `left` to `right`, by a text of `width`. */
export interface Named {
  left: number;
  right: number;
  width: number;
}

/**
 * Where each text begins, in the middle above what it names or moved aside to be read whole; null where it
 * would no longer touch what it names. `stretches` come from left to right.
 */
export function captions(stretches: readonly Named[], from: number, to: number, space: number): (number | null)[] {
  let taken = -Infinity;
  return stretches.map(({ left, right, width }) => {
    const middle = Math.max(from, Math.min((left + right - width) / 2, to - width));
    const start = Math.max(middle, taken);
    if (start > right || start + width > to + 1) return null;
    taken = start + width + space;
    return start;
  });
}
