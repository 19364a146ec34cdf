import { expect, it } from '@jest/globals';
import { Backoff } from '../../../src/controller/backoff.js';

it('waits twice as long after each failure, up to the limit', () => {
  const backoff = new Backoff({ firstMilliseconds: 100, limitMilliseconds: 1_000, random: () => 1 });
  expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
});

it('spreads controllers that failed together over the upper half of the wait', () => {
  const waits = [0, 0.5, 0.999].map((number) => new Backoff({ firstMilliseconds: 100, limitMilliseconds: 1_000, random: () => number }).next());
  expect(waits).toEqual([50, 75, 100]);
});

it('is quick again after a success', () => {
  const backoff = new Backoff({ firstMilliseconds: 100, limitMilliseconds: 1_000, random: () => 1 });
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(100);
});
