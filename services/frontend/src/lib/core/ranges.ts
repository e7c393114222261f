/** The stretches a chart can show. */
export const ranges = [
  { key: '15m', minutes: 15, label: '15 min', words: 'the last 15 minutes' },
  { key: '1h', minutes: 60, label: '1 h', words: 'the last hour' },
  { key: '6h', minutes: 360, label: '6 h', words: 'the last 6 hours' },
] as const;

export type Range = (typeof ranges)[number];

/** What an address without `range`, or with an unknown one, means. */
export const defaultRange: Range = ranges[1];

/** The range an address names. */
export function readRange(query: URLSearchParams): Range {
  const key = query.get('range');
  return ranges.find((range) => range.key === key) ?? defaultRange;
}
