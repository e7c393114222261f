import { describe, expect, it } from 'vitest';
import { makeList, makeTopic } from './fixtures';
import { lead } from './lead';

describe('lead', () => {
  it('names the first topic that stands out, not a fading one', () => {
    const said = lead(makeList([makeTopic({ id: 'old', status: 'fading' }), makeTopic({ id: 'new' })]));
    expect(said).toMatchObject({ kind: 'topic', topic: { id: 'new' }, caveat: null });
  });

  it('says that a young baseline makes it provisional', () => {
    const said = lead(makeList([makeTopic({ provisional: true })], { baseline_minutes: 21.7 }));
    expect(said).toMatchObject({
      caveat: 'Provisional: the baseline is 21 minutes old and is trusted after 60.',
    });
  });

  it('does not blame the age of a baseline that is old enough', () => {
    const said = lead(makeList([makeTopic({ provisional: true })]));
    expect(said).toMatchObject({ caveat: 'Provisional: too little is known yet of what is usual for this topic.' });
  });

  it('teaches what it is waiting for while the baseline is young', () => {
    expect(lead(makeList([], { baseline_minutes: 1 }))).toMatchObject({
      kind: 'listening',
      title: 'Listening. 1 minute of baseline so far.',
    });
  });

  it('says that nothing stands out once the baseline is known', () => {
    const said = lead(makeList([makeTopic({ status: 'ended' })]));
    expect(said).toMatchObject({ kind: 'listening', title: 'Nothing stands out right now.' });
  });
});
