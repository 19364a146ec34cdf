import { describe, expect, it } from '@jest/globals';
import { frame } from '../../../../src/cli/terminal/frame.js';
import { keysIn } from '../../../../src/cli/terminal/keys.js';

describe('keys', () => {
  it.each([
    ['q', ['q']], ['\u0003', ['ctrl-c']], ['\u001b[A\u001b[B', ['up', 'down']], ['\u001bOC', ['right']], ['sp', ['s', 'p']], ['\u001b[5~', ['page up']],
    ['\u001b', ['escape']], ['\u001b[15~q', ['escape', 'q']], ['ä', ['ä']], ['', []],
  ])('%j', (bytes, keys) => {
    expect(keysIn(bytes)).toEqual(keys);
  });
});

describe('a frame', () => {
  it('is drawn over the one before without clearing the screen first, so that nothing flickers', () => {
    const drawn = frame('one\ntwo\n', 24);
    expect(drawn).toBe('\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J');
    expect(drawn).not.toContain('\u001b[2J');
  });

  it('never scrolls: what has no room is counted in the last row', () => {
    expect(frame('one\ntwo\nthree\n', 2)).toBe('\u001b[Hone\u001b[K\r\n… 2 more lines\u001b[K\u001b[J');
    expect(frame('one\ntwo\nthree\n', 3)).toContain('three');
  });
});
