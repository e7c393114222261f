import { describe, expect, it } from 'vitest';
import { basis, inside, searchLink, size, summary, tongues, watchLink, words } from './clusters';
import { makeCluster, makeClusters } from './fixtures';

describe('clusters', () => {
  it('takes a name apart', () => {
    expect(words({ label: 'Lisbon · power cut · 停電' })).toEqual(['Lisbon', 'power cut', '停電']);
    expect(words({ label: '' })).toEqual([]);
  });

  it('searches for any of the words, phrases kept whole', () => {
    expect(decodeURIComponent(searchLink({ label: 'Lisbon · power cut' }))).toBe('/search?q=Lisbon OR "power cut"');
  });

  it('watches for each word, whatever it holds', () => {
    const link = new URL(watchLink({ label: 'a&b · <i>' }), 'http://x');
    expect(link.pathname).toBe('/watches/new');
    expect(link.searchParams.getAll('q')).toEqual(['a&b', '<i>']);
  });

  it('writes into a circle only what fits', () => {
    const label = 'Transubstantiation · cut · more · words';
    const place = (radius: number) => ({ label, place: { x: 0, y: 0, radius } });
    expect(inside(place(30))).toEqual([]);
    expect(inside(place(46))).toEqual(['Transu…', 'cut']);
    expect(inside(place(110))).toEqual(['Transubstantiation', 'cut', 'more']);
    expect(inside({ label: '震度五強の地震', place: { x: 0, y: 0, radius: 46 } })).toEqual(['震度…']);
  });

  it('says that a sample is one', () => {
    expect(size({ posts: 1, people: 1 }, false)).toBe('1 post by 1 person');
    expect(size({ posts: 312, people: 80 }, true)).toBe('about 312 posts, at least 80 people');
    expect(basis(makeClusters([], { posts: 54_000, sampled: 9_000, compared: 8_000 }))).toContain('8,000 of 54,000 posts');
    expect(basis(makeClusters([], { posts: 100, sampled: 100, compared: 100 }))).toBe('All 100 posts were compared.');
    expect(basis(makeClusters([], { posts: 100, sampled: 100, compared: 12 }))).toBe('12 of 100 posts were compared.');
  });

  it('says what share is about nothing in particular', () => {
    expect(summary(makeClusters([makeCluster()], { compared: 200, scattered: 150 }))).toBe(
      '1 conversation holds 25% of the posts; the other 75% are about nothing that many talk about.',
    );
    expect(summary(makeClusters([], { compared: 0, scattered: 0 }))).toBe('');
  });

  it('lists the main languages', () => {
    expect(tongues(makeCluster({ languages: [{ language: 'es', share: 0.481 }, { language: 'en', share: 0.3 }] }))).toBe('es 48%, en 30%');
  });
});
