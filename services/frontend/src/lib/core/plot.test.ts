import { expect, test } from 'vitest';
import { chartPlace } from './plot';

test('places are told as a table needs them', () => {
  expect(chartPlace(1234.5, 'number')).toBe('1,234.5');
  expect(chartPlace('2026-05-03T00:00:00Z', 'time')).toBe('2026-05-03');
  expect(chartPlace('2026-05-03T04:05:00Z', 'time')).toBe('2026-05-03 04:05');
  expect(chartPlace('<b>x</b>', 'category')).toBe('<b>x</b>');
  expect(chartPlace('nonsense', 'time')).toBe('nonsense');
});
