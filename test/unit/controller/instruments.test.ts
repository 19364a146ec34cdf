import { expect, it } from '@jest/globals';
import { Instruments } from '../../../src/controller/instruments.js';

function bed() {
  let [now, elapsed] = [1_000_000, 0];
  const instruments = new Instruments({ now: () => now, elapsed: () => elapsed });
  return { instruments, at: (milliseconds: number) => { now = milliseconds; }, pass: (milliseconds: number) => { elapsed += milliseconds; } };
}

it('a change is measured from Docker’s own time to the end of the sync that holds it', () => {
  const { instruments, at } = bed();
  instruments.heard([1_000_000, 1_000_400]);
  const { end } = instruments.begin();
  at(1_001_000);
  end('incremental', true);
  expect([instruments.convergence.count, instruments.convergence.sum]).toEqual([2, 1.6]);
  expect(instruments.syncDurations.incremental.count).toBe(1);
});

it('a change that came while a sync ran is the next one’s', () => {
  const { instruments } = bed();
  const { end } = instruments.begin();
  instruments.heard([999_000]);
  end('full', true);
  expect(instruments.convergence.count).toBe(0);
  instruments.begin().end('incremental', true);
  expect(instruments.convergence.sum).toBe(1);
});

it('a sync that failed has programmed nothing: its changes are measured by the one that succeeds', () => {
  const { instruments, at } = bed();
  instruments.heard([1_000_000]);
  instruments.begin().end('full', false);
  expect([instruments.convergence.count, instruments.failures('full')]).toEqual([0, 1]);
  at(1_030_000);
  instruments.begin().end('full', true);
  expect(instruments.convergence.sum).toBe(30);
});

it('clocks that disagree make no time negative, and a sync that fails for ever hoards nothing', () => {
  const { instruments } = bed();
  instruments.heard([1_005_000]);
  instruments.begin().end('full', true);
  expect(instruments.convergence.sum).toBe(0);
  for (let round = 0; round < 100; round += 1) {
    instruments.heard(Array.from({ length: 100 }, () => 999_999));
    instruments.begin().end('full', false);
  }
  instruments.begin().end('full', true);
  expect(instruments.convergence.count).toBe(1_001);
});

it('a sync that waits for the cluster is no sync, and its changes are the next one’s', () => {
  const { instruments, at } = bed();
  instruments.heard([1_000_000]);
  instruments.begin().abandon();
  expect(instruments.syncDurations.full.count).toBe(0);
  at(1_002_000);
  instruments.begin().end('full', true);
  expect(instruments.convergence.sum).toBe(2);
});

it('a controller that hangs in a sync is not alive, and is again when the sync ends after all', () => {
  const { instruments, pass } = bed();
  expect(instruments.health(10_000)).toEqual({ alive: true });
  const { end } = instruments.begin();
  pass(121_000);
  expect(instruments.health(10_000)).toEqual({ alive: false, reason: 'a sync has been running for 121 s' });
  expect(end('full', true)).toBe(121_000);
  expect(instruments.health(10_000)).toEqual({ alive: true });
});
