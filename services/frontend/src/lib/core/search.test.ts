import { expect, test } from 'vitest';
import { asks, languageName, readSearch, searchAddress, toQuery } from './search';

const of = (text: string) => readSearch(new URLSearchParams(text));

test('an address is read whole', () => {
  const search = of('q=power+cut&feed=sky&language=pt-BR&author=did:plc:a&topic=t1&linked=true&within=24h&sort=time');
  expect(search).toMatchObject({ q: 'power cut', feed: 'sky', language: 'pt-BR', linked: true, span: '24h', newest: true });
  const now = Date.parse('2026-05-02T12:00:00Z');
  expect(toQuery(search, now, 20, 'abc')).toEqual({
    q: 'power cut',
    feed: 'sky',
    language: 'pt-BR',
    author: 'did:plc:a',
    topic: 't1',
    linked: true,
    since: '2026-05-01T12:00:00.000Z',
    sort: 'time',
    limit: 20,
    cursor: 'abc',
  });
});

test('what makes no sense in an address is left out', () => {
  const search = of("language=<script>&like='; DROP&within=never&linked=perhaps&sort=best");
  expect(toQuery(search, 0, 20, null)).toEqual({ limit: 20 });
  expect(asks(search)).toBe(false);
});

test('filters alone are a search', () => {
  expect(asks(of('author=did:plc:a'))).toBe(true);
  expect(asks(of('like=0190a5d2-7b1c-7def-8000-0123456789ab'))).toBe(true);
  expect(asks(of('sort=time&fold=false'))).toBe(false);
});

test('an address changes by the keys that are given', () => {
  const query = new URLSearchParams('q=a&feed=sky');
  expect(searchAddress(query, { feed: null, language: 'pt' })).toBe('/search?q=a&language=pt');
  expect(searchAddress(query, { q: null, feed: null })).toBe('/search');
});

test('a language without a name keeps its tag', () => {
  expect(languageName('pt')).toBe('Portuguese');
  expect(languageName('x!')).toBe('x!');
});
