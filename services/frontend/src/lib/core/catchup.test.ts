import { describe, expect, it } from 'vitest';
import { CatchUp, behindmost } from './catchup';
import { T0, makeFeed } from './fixtures';

describe('CatchUp', () => {
  it('tells from the speed seen so far how long the rest takes', () => {
    const catchUp = new CatchUp();
    catchUp.note(3600, T0);
    expect(catchUp.left()).toBeNull();
    catchUp.note(3000, T0 + 10_000);
    expect(catchUp.left()).toBe(50);
  });

  it('does not guess while the lag grows, nor after it was lost', () => {
    const catchUp = new CatchUp();
    catchUp.note(100, T0);
    catchUp.note(130, T0 + 10_000);
    expect(catchUp.left()).toBeNull();
    catchUp.note(null, T0 + 11_000);
    catchUp.note(90, T0 + 12_000);
    expect(catchUp.left()).toBeNull();
  });

  it('forgets old speeds', () => {
    const catchUp = new CatchUp();
    catchUp.note(9000, T0);
    catchUp.note(1000, T0 + 60_000);
    catchUp.note(900, T0 + 70_000);
    expect(catchUp.left()).toBe(90);
  });
});

describe('behindmost', () => {
  it('is the enabled feed with the most still to read, if any reads its past', () => {
    const near = makeFeed({ id: 'near', status: 'catching_up', lag_seconds: 60 });
    const far = makeFeed({ id: 'far', status: 'catching_up', lag_seconds: 600 });
    const off = makeFeed({ id: 'off', status: 'catching_up', lag_seconds: 6000, enabled: false });
    expect(behindmost([near, far, off])?.id).toBe('far');
    expect(behindmost([makeFeed({ lag_seconds: 900 })])).toBeNull();
  });
});
