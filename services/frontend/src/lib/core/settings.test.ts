import { describe, expect, it } from 'vitest';
import type { Setting } from '../api/types';
import { settingValue, wantedSettings } from './settings';

const make = (variable: string, patch: Partial<Setting> = {}): Setting => ({
  variable, value: 30, default: 30, source: 'default', secret: false, set: true, units: ['api'], doc: 'Days that posts are kept.', ...patch,
});

describe('settings', () => {
  it('never shows a secret, only whether there is one', () => {
    expect(settingValue(make('A', { secret: true, value: null }))).toBe('set, not shown');
    expect(settingValue(make('A', { secret: true, value: null, set: false }))).toBe('not set');
  });

  it('writes lists and empty values', () => {
    expect(settingValue(make('A', { value: ['a'] }))).toBe('["a"]');
    expect(settingValue(make('A', { value: '' }))).toBe('empty');
    expect(settingValue(make('A', { value: false }))).toBe('false');
  });

  it('finds by any word among all, and otherwise those that are set', () => {
    const all = [make('RETENTION_DAYS'), make('PORT', { source: 'set', doc: 'Where it listens.' })];
    expect(wantedSettings(all, '', true).map((one) => one.variable)).toEqual(['PORT']);
    expect(wantedSettings(all, 'KEPT days', true).map((one) => one.variable)).toEqual(['RETENTION_DAYS']);
    expect(wantedSettings(all, '', false)).toHaveLength(2);
  });
});
