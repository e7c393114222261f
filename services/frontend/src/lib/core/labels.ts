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
