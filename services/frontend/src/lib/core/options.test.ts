import { describe, expect, it } from 'vitest';
import { typed } from './options';

describe('typed', () => {
  it('gives each option in its type and leaves out what is empty', () => {
    const options = [
      { name: 'compress', type: 'boolean' },
      { name: 'limit', type: 'integer' },
      { name: 'hosts', type: 'array' },
      { name: 'key_file', type: 'string' },
      { name: 'unset', type: 'string' },
    ];
    const given = { compress: 'True', limit: ' 500 ', hosts: 'wss://a, wss://b', key_file: '/run/key', unset: ' ' };
    expect(typed(options, given)).toEqual({
      compress: true,
      limit: 500,
      hosts: ['wss://a', 'wss://b'],
      key_file: '/run/key',
    });
  });

  it('leaves a wrong value for the API to refuse by name', () => {
    expect(typed([{ name: 'limit', type: 'integer' }], { limit: 'many' })).toEqual({ limit: 'many' });
  });
});
