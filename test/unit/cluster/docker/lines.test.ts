import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LineSplitter, LineTooLongError } from '../../../../src/cluster/docker/lines.js';

test('however the stream is cut, in a line or in a character, the events are the same', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ' '));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 40 })), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const splitter = new LineSplitter();
      const found: string[] = [];
      let start = 0;
      for (const size of [...sizes, bytes.length]) {
        found.push(...splitter.push(bytes.subarray(start, start + size)));
        start += size;
      }
      expect(found).toEqual(lines);
    }),
  );
});

test('a line that is not ended is no event yet', () => {
  const splitter = new LineSplitter();

  expect(splitter.push(Buffer.from('{"Type":"ser'))).toEqual([]);
  expect(splitter.push(Buffer.from('vice"}\r\n{'))).toEqual(['{"Type":"service"}']);
});

test('a stream that never ends its line does not eat the memory', () => {
  const splitter = new LineSplitter();
  const flood = () => {
    for (let i = 0; i < 40; i++) splitter.push(Buffer.alloc(64 * 1024, 0x61));
  };

  expect(flood).toThrow(LineTooLongError);
  expect(() => new LineSplitter(10).push(Buffer.from('eleven bytes'))).toThrow('at most 10 bytes');
});
