import { describe, expect, it } from 'vitest';
import { behindmost } from './catchup';
import { makeFeed } from './fixtures';

describe('behindmost', () => {
  it('is the enabled feed with the most still to read, if any reads its past', () => {
    const near = makeFeed({ id: 'near', status: 'catching_up', lag_seconds: 60 });
    const far = makeFeed({ id: 'far', status: 'catching_up', lag_seconds: 600 });
    const off = makeFeed({ id: 'off', status: 'catching_up', lag_seconds: 6000, enabled: false });
    expect(behindmost([near, far, off])?.id).toBe('far');
    expect(behindmost([makeFeed({ lag_seconds: 900 })])).toBeNull();
  });
});
