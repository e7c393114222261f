import { describe, expect, it } from 'vitest';
import { T0, isoAt, makeList, makeTopic } from './fixtures';
import { evidence, lead, provisional } from './lead';

describe('lead', () => {
  it('names the first topic that stands out, not a fading one', () => {
    const said = lead(makeList([makeTopic({ id: 'old', status: 'fading' }), makeTopic({ id: 'new' })]), 0, T0);
    expect(said).toMatchObject({ kind: 'topic', topic: { id: 'new' }, caveat: null });
  });

  it('compares with what is usual when there is a usual', () => {
    const said = lead(makeList([makeTopic({ ratio: 3.84 })]), 0, T0);
    expect(said).toMatchObject({ says: { before: 'is at', figure: '3.8×', after: ' its usual volume' } });
  });

  it('calls a topic new where fewer than one post is usual, instead of a huge multiplier', () => {
    const topic = makeTopic({ usual_hour: 0, posts_hour: 511, authors_hour: 502, ratio: 511 });
    expect(lead(makeList([topic]), 0, T0)).toMatchObject({
      says: { before: 'is', figure: 'new', after: ': 511\u00a0posts in the last hour, where fewer than one is usual' },
    });
    expect(evidence(topic, T0)).toMatch(/^Written by 502 people; began at \d\d:30\.$/);
  });

  it('says over 100 times rather than an exact multiplier of very little', () => {
    const said = lead(makeList([makeTopic({ usual_hour: 2.8, ratio: 403.8 })]), 0, T0);
    expect(said).toMatchObject({ says: { figure: 'over 100×' } });
  });

  it('says that a young baseline makes it provisional, in human lengths of time', () => {
    const list = makeList([makeTopic({ provisional: true })], { baseline_minutes: 65.7, warmup_minutes: 1440 });
    expect(lead(list, 0, T0)).toMatchObject({
      caveat: 'Provisional: what is usual was learnt from 65 minutes, and is trusted after 24 hours.',
    });
  });

  it('does not blame the age of a baseline that is old enough', () => {
    expect(provisional(makeList([]))).toBe('Provisional: too little is known yet of what is usual for this topic.');
  });

  it('says up to when it counted when that is not about now', () => {
    const said = lead(makeList([makeTopic()], { as_of: isoAt(-1200) }), 1200, T0);
    expect(said).toMatchObject({ caveat: expect.stringMatching(/^Counted up to \d\d:40\.$/) });
  });

  it('teaches that the past is read first while it catches up', () => {
    expect(lead(makeList([], { baseline_minutes: 1 }), 2700, T0)).toMatchObject({
      kind: 'listening',
      title: 'Catching up: 45 minutes still to read.',
    });
  });

  it('teaches what it is waiting for while the baseline is young', () => {
    const said = lead(makeList([], { baseline_minutes: 1, warmup_minutes: 1440 }), 0, T0);
    expect(said).toMatchObject({
      kind: 'listening',
      title: 'Listening. 1 minute of baseline so far.',
      text: expect.stringContaining('takes 24 hours to learn'),
    });
  });

  it('says that nothing stands out once the baseline is known', () => {
    const said = lead(makeList([makeTopic({ status: 'ended' })]), 0, T0);
    expect(said).toMatchObject({ kind: 'listening', title: 'Nothing stands out right now.' });
  });
});
