import { expect, it } from '@jest/globals';
import { healthOf, type LoopTimes } from '../../../src/controller/health.js';

const times = (different: Partial<LoopTimes>): LoopTimes => ({ now: 1_000_000, syncBeganAt: null, syncEndedAt: 995_000, resyncMilliseconds: 10_000, ...different });

it.each<[string, Partial<LoopTimes>, string | undefined]>([
  ['between two syncs', {}, undefined],
  ['in a long sync', { syncBeganAt: 900_000 }, undefined],
  ['stuck in a sync', { syncBeganAt: 870_000 }, 'a sync has been running for 130 s'],
  ['waiting for the cluster since its start', { syncEndedAt: null }, undefined],
  ['idle for as long as it was told', { syncEndedAt: 700_000, resyncMilliseconds: 3_600_000 }, undefined],
  ['idle although a resync is due', { syncEndedAt: 800_000 }, 'no sync has begun for 200 s'],
])('a controller that is %s is restarted when it must be, and only then', (_, different, reason) => {
  expect(healthOf(times(different))).toEqual(reason === undefined ? { alive: true } : { alive: false, reason });
});
