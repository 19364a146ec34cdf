import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { changesBetween, differingSpan, findById, splice } from '../../src/sharing.js';

const objects = Array.from({ length: 8 }, (_, index) => ({ id: `o${index}` }));
const list = fc.array(fc.constantFrom(...objects), { maxLength: 8 });
const once = fc.shuffledSubarray(objects);

describe('lists that share objects', () => {
  it('are found to differ between what is the same at both ends, also when they were made by a splice', () => {
    fc.assert(
      fc.property(list, list, fc.nat(8), fc.nat(8), (before, items, one, other) => {
        const [start, end] = [Math.min(one, other, before.length), Math.min(Math.max(one, other), before.length)];
        for (const after of [splice(before, start, end, items), [...before.slice(0, start), ...items, ...before.slice(end)]]) {
          const span = differingSpan(before, after);
          expect([...before.slice(0, span.start), ...after.slice(span.start, span.nextEnd), ...before.slice(span.previousEnd)]).toEqual(after);
          expect(after).toEqual([...before.slice(0, start), ...items, ...before.slice(end)]);
        }
      }),
    );
  });

  it('tell what came and what went', () => {
    fc.assert(
      fc.property(once, once, (before, after) => {
        const { removed, added } = changesBetween(before, after);
        expect(new Set(removed)).toEqual(new Set(before.filter((item) => !after.includes(item))));
        expect(new Set(added)).toEqual(new Set(after.filter((item) => !before.includes(item))));
      }),
    );
  });

  it('are searched by id as they are sorted', () => {
    expect(findById(objects, 'o3')).toBe(objects[3]);
    expect(findById(objects, 'o33')).toBeUndefined();
    expect(findById([], 'o3')).toBeUndefined();
  });
});
