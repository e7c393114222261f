import { describe, expect, it } from 'vitest';
import { EventReader } from './sse';

const whole = ': hello\r\nretry: 2000\r\n\r\nid: 7\r\nevent: step\r\ndata: {"n":1}\r\n\r\nevent: run\r\ndata: a\r\ndata: b\r\n\r\n';
const told = [
  { name: 'step', data: '{"n":1}', id: '7' },
  { name: 'run', data: 'a\nb', id: null },
];

describe('EventReader', () => {
  it('gives the same events however the text is cut', () => {
    for (let cut = 0; cut <= whole.length; cut++) {
      const reader = new EventReader();
      expect([...reader.read(whole.slice(0, cut)), ...reader.read(whole.slice(cut))], `cut at ${cut}`).toEqual(told);
    }
  });

  it('understands every kind of line end, values without a space, and lines without a colon', () => {
    const reader = new EventReader();
    expect(reader.read('event:x\ndata:1\n\ndata\rdata: 2\r\r')).toEqual([{ name: 'x', data: '1', id: null }]);
    // The last "\r" may have been half of "\r\n": what follows tells.
    expect(reader.read('data: 3\n')).toEqual([{ name: 'message', data: '\n2', id: null }]);
  });

  it('passes over unknown fields, and ids that a header cannot carry', () => {
    expect(new EventReader().read('colour: red\nid: 1\0\ndata: x\n\n')).toEqual([{ name: 'message', data: 'x', id: null }]);
  });

  it('tells nothing of an event that was cut off', () => {
    expect(new EventReader().read('id: 8\nevent: end\ndata: {}\n')).toEqual([]);
  });
});
