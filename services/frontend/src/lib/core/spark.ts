/** The path of a sparkline from zero to its largest value; an empty value ends the stroke. */
export function sparkPath(
  values: readonly (number | null)[],
  width: number,
  height: number,
): { path: string; end: { x: number; y: number } | null } {
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const step = (width - 6) / Math.max(1, values.length - 1);
  let path = '';
  let drawing = false;
  let end: { x: number; y: number } | null = null;
  values.forEach((value, i) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const x = 1 + i * step;
    const y = height - 3 - (value / top) * (height - 6);
    path += `${drawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    drawing = true;
    end = { x, y };
  });
  return { path, end };
}
