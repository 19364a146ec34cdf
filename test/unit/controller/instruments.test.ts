import { expect, it } from '@jest/globals';
import { Instruments } from '../../../src/controller/instruments.js';

function bed() {
  let now = 1_000_000;
  const instruments = new Instruments(() => now);
  return { instruments, at: (milliseconds: number) => { now = milliseconds; } };
}

it('a change is measured from Docker’s own time to the end of the sync that holds it', () => {
  const { instruments, at } = bed();
  instruments.heard([1_000_000, 1_000_400]);
  const end = instruments.begin();
  at(1_001_000);
  end('incremental', 0.01, true);
  expect([instruments.convergence.count, instruments.convergence.sum]).toEqual([2, 1.6]);
  expect(instruments.syncDurations.incremental.count).toBe(1);
});

it('a change that came while a sync ran is the next one’s', () => {
  const { instruments } = bed();
  const end = instruments.begin();
  instruments.heard([999_000]);
  end('full', 0.1, true);
  expect(instruments.convergence.count).toBe(0);
  instruments.begin()('incremental', 0.1, true);
  expect(instruments.convergence.sum).toBe(1);
});

it('a sync that failed has programmed nothing: its changes are measured by the one that succeeds', () => {
  const { instruments, at } = bed();
  instruments.heard([1_000_000]);
  instruments.begin()('full', 0.1, false);
  expect([instruments.convergence.count, instruments.failures('full')]).toEqual([0, 1]);
  at(1_030_000);
  instruments.begin()('full', 0.1, true);
  expect(instruments.convergence.sum).toBe(30);
});

it('clocks that disagree make no time negative, and a sync that fails for ever hoards nothing', () => {
  const { instruments } = bed();
  instruments.heard([1_005_000]);
  instruments.begin()('full', 0.1, true);
  expect(instruments.convergence.sum).toBe(0);
  for (let round = 0; round < 100; round += 1) {
    instruments.heard(Array.from({ length: 100 }, () => 999_999));
    instruments.begin()('full', 0.1, false);
  }
  instruments.begin()('full', 0.1, true);
  expect(instruments.convergence.count).toBe(1_001);
});
