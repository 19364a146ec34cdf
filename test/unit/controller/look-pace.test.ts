import { expect, it } from '@jest/globals';
import { LookPace } from '../../../src/controller/look-pace.js';

it('looks as often as it was told to where a look costs next to nothing', () => {
  const pace = new LookPace(10_000);
  for (let looks = 0; looks < 10; looks += 1) pace.looked(20, false);

  expect(pace.pause()).toBe(10_000);
});

it('spends at most half a percent of the time on looking while nothing happens, unless a minute would pass without a look', () => {
  const pace = new LookPace(10_000);
  const pauses = [1, 2, 3, 4, 5, 6].map(() => { pace.looked(200, false); return pace.pause(); });

  expect(pauses).toEqual([20_000, 40_000, 40_000, 40_000, 40_000, 40_000]);
});

it('looks again soon after a change: whoever meddles mostly does so then', () => {
  const pace = new LookPace(10_000);
  for (let looks = 0; looks < 10; looks += 1) pace.looked(1_000, false);
  pace.changed();

  expect(pace.pause()).toBe(10_000);
});

it('never leaves an unseen change for longer than a minute', () => {
  const pace = new LookPace(10_000);
  for (let looks = 0; looks < 20; looks += 1) pace.looked(60_000, false);

  expect(pace.pause()).toBe(60_000);
});

it('spends at most a fifth of the time on whole looks while everything moves, and finds what gave no hint in ten seconds where a look takes two', () => {
  const pace = new LookPace(10_000);
  pace.looked(2_000, true);
  pace.changed();
  expect(pace.pause()).toBe(10_000);

  pace.looked(6_000, true);
  expect(pace.pause()).toBe(30_000);
});

it('a look at a single place that found nothing says nothing of how often to look everywhere; one that did calls for it soon', () => {
  const pace = new LookPace(10_000);
  for (let looks = 0; looks < 3; looks += 1) pace.looked(200, false);
  const before = pace.pause();
  pace.glanced(20, false);
  expect([pace.pause(), pace.least()]).toEqual([before, 400]);

  pace.glanced(20, true);
  expect(pace.pause()).toBe(10_000);
});
