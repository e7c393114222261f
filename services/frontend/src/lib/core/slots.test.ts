import { describe, expect, it } from 'vitest';
import { ColourSlots } from './slots';

const show = (slots: ReadonlyMap<string, number>) => Object.fromEntries(slots);

describe('ColourSlots', () => {
  it('keeps the colour of a topic when the order changes', () => {
    const slots = new ColourSlots(5);
    slots.assign(['a', 'b', 'c']);
    expect(show(slots.assign(['c', 'a', 'b']))).toEqual({ a: 0, b: 1, c: 2 });
  });

  it('gives the colour of one that left to a newcomer', () => {
    const slots = new ColourSlots(3);
    slots.assign(['a', 'b', 'c']);
    expect(show(slots.assign(['d', 'a', 'c']))).toEqual({ a: 0, c: 2, d: 1 });
  });

  it('gives no more colours than there are', () => {
    expect(new ColourSlots(2).assign(['a', 'b', 'c']).size).toBe(2);
  });
});
