/** A place on a chart's x axis in words: times in UTC, days without their hour. */
export function chartPlace(x: string | number, kind: 'time' | 'number' | 'category'): string {
  if (typeof x === 'number') return x.toLocaleString('en', { maximumFractionDigits: 4 });
  if (kind !== 'time') return x;
  const time = new Date(x);
  if (Number.isNaN(time.getTime())) return x;
  const text = time.toISOString();
  return text.slice(11, 19) === '00:00:00' ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}
