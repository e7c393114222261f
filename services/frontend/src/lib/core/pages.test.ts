import { describe, expect, it } from 'vitest';
import { withFirst, withNext, type Paged } from './pages';

const entry = (n: number) => ({ id: `r${n}`, created_at: new Date(n * 1000).toISOString() });
const page = (next: string | null, ...numbers: number[]): Paged<ReturnType<typeof entry>> => ({ entries: numbers.map(entry), next });
const ids = (paged: Paged<{ id: string; created_at: string }>): string => paged.entries.map((one) => one.id.slice(1)).join(' ');

describe('a list read page by page', () => {
  const two = withNext(page('r8', 9, 8), page('r6', 7, 6));

  it('goes on behind the last page, and holds each once', () => {
    expect(ids(two)).toBe('9 8 7 6');
    expect(two.next).toBe('r6');
    expect(ids(withNext(two, page(null, 6, 5)))).toBe('9 8 7 6 5');
  });

  it('keeps what is older when its top is read again', () => {
    const again = withFirst(two, page('r9', 10, 9));
    expect(ids(again)).toBe('10 9 8 7 6');
    expect(again.next).toBe('r6');
  });

  it('loses what was removed meanwhile from the top', () => {
    expect(ids(withFirst(two, page('r7', 9, 7)))).toBe('9 7 6');
  });

  it('begins anew where so many came that the two no longer meet', () => {
    const far = page('r20', 21, 20);
    expect(withFirst(two, far)).toBe(far);
  });

  it('is what the server says where that is all, or nothing', () => {
    expect(ids(withFirst(two, page(null, 9)))).toBe('9');
    expect(ids(withFirst(two, page(null)))).toBe('');
    expect(ids(withFirst(page('r9', 9), page('r10', 10, 9)))).toBe('10 9');
  });
});
