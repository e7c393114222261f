import { describe, expect, it } from 'vitest';
import { RouteTable } from './routes';

const table = new RouteTable({ '/': 'overview', '/topics/:id': 'topic', '/reports': 'reports', '/reports/:id': 'report' });

describe('RouteTable', () => {
  it.each([
    ['/', 'overview', {}],
    ['/topics/lisbon', 'topic', { id: 'lisbon' }],
    ['/topics/lisbon/', 'topic', { id: 'lisbon' }],
    ['/topics/a%2Fb%20c', 'topic', { id: 'a/b c' }],
    ['/reports', 'reports', {}],
    ['/reports/7', 'report', { id: '7' }],
  ])('%s is the page %s', (path, page, params) => {
    expect(table.match(path)).toEqual({ page, params });
  });

  it.each(['/topics', '/topics/a/b', '/nowhere', '/topics/%E0%A4%A'])('%s is no page', (path) => {
    expect(table.match(path)).toBeNull();
  });
});
