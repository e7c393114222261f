import { describe, expect, it } from 'vitest';
import { FeedBuffer } from './buffer';

const posts = (...ids: string[]) => ids.map((id) => ({ id }));
const ids = (buffer: FeedBuffer<{ id: string }>) => buffer.items.map((item) => item.id).join('');

describe('FeedBuffer', () => {
  it('puts the newest on top although batches come oldest first', () => {
    const buffer = new FeedBuffer(10);
    buffer.add(posts('a', 'b'));
    buffer.add(posts('c', 'd'));
    expect(ids(buffer)).toBe('dcba');
  });

  it('keeps no more than its capacity, and forgets the ids of what it dropped', () => {
    const buffer = new FeedBuffer(3);
    for (let i = 0; i < 1000; i++) buffer.add(posts(`p${i}`));
    expect(buffer.items.map((item) => item.id)).toEqual(['p999', 'p998', 'p997']);
    expect(buffer.add(posts('p0'))).toBe(1);
  });

  it('keeps the newest of a batch larger than its capacity', () => {
    const buffer = new FeedBuffer(2);
    buffer.add(posts('a', 'b', 'c'));
    expect(ids(buffer)).toBe('cb');
  });

  it('counts and shows a post once when a replay repeats it', () => {
    const buffer = new FeedBuffer(10);
    buffer.add(posts('a', 'b'));
    expect(buffer.add(posts('b', 'c', 'c'))).toBe(1);
    expect(ids(buffer)).toBe('cba');
    expect(buffer.received).toBe(3);
  });

  it('takes deleted posts out and does not let them return', () => {
    const buffer = new FeedBuffer(10);
    buffer.add(posts('a', 'b'));
    buffer.remove(['a', 'late']);
    buffer.add(posts('a', 'late', 'c'));
    expect(ids(buffer)).toBe('cb');
    expect(buffer.isGone('late')).toBe(true);
  });

  it('remembers a bounded number of deletions', () => {
    const buffer = new FeedBuffer(2);
    for (let i = 0; i < 100; i++) buffer.remove([`p${i}`]);
    expect(buffer.isGone('p0')).toBe(false);
    expect(buffer.isGone('p99')).toBe(true);
  });
});
