import { expect, it } from '@jest/globals';
import { changeTimes } from '../../../../src/cluster/docker/change-times.js';
import type { RawCluster } from '../../../../src/cluster/docker/raw.js';
import { cluster, port, service, task } from '../../plan/fixtures.js';

const web = service('web', [port(8080, 80)]);
const [one, two] = [task('web', 1), task('web', 2)];
const before = cluster({ services: [web], tasks: [one] });

const time = (second: number) => `2026-01-01T12:00:${String(second).padStart(2, '0')}.500Z`;
const at = (second: number) => Date.parse(time(second));
const rawTask = (id: string, state: string, status: number, updated: number) => ({ ID: id, UpdatedAt: time(updated), Status: { State: state, Timestamp: time(status) } });
const raw = (...tasks: unknown[]): RawCluster => ({ services: [{ ID: web.id, UpdatedAt: time(30) }], tasks, nodes: [], networks: [] });

it('a task that runs is measured from the moment in which it did, whenever Swarm wrote it down', () => {
  const after = cluster({ services: [web], tasks: [one, two] });
  expect(changeTimes(before, after, raw(rawTask(one.id, 'running', 1, 1), rawTask(two.id, 'running', 10, 12)))).toEqual([at(10)]);
});

it('a task that is to stop is measured from Swarm’s word: it runs since long ago', () => {
  const after = cluster({ services: [web], tasks: [{ ...one, weight: 0 }] });
  expect(changeTimes(before, after, raw(rawTask(one.id, 'running', 1, 20)))).toEqual([at(20)]);
});

it('a task that has ended is measured from its end, and one that Docker has forgotten not at all', () => {
  const after = cluster({ services: [web], tasks: [] });
  expect(changeTimes(before, after, raw(rawTask(one.id, 'failed', 15, 16)))).toEqual([at(15)]);
  expect(changeTimes(before, after, raw())).toEqual([]);
  expect(changeTimes(before, after, raw(rawTask(one.id, 'running', 1, 1)))).toEqual([]);
});

it('a task that is about to run is not measured before it does: nobody waits for it', () => {
  const starting = cluster({ services: [web], tasks: [one, { ...two, weight: 0, starting: true }] });
  expect(changeTimes(before, starting, raw(rawTask(two.id, 'starting', 5, 6)))).toEqual([]);
  expect(changeTimes(starting, cluster({ services: [web], tasks: [one, two] }), raw(rawTask(two.id, 'running', 10, 12)))).toEqual([at(10)]);
  expect(changeTimes(starting, before, raw(rawTask(two.id, 'failed', 10, 12)))).toEqual([]);
});

it('a service is measured from its change', () => {
  const after = cluster({ services: [service('web', [port(8081, 80)])], tasks: [one] });
  expect(changeTimes(before, after, raw(rawTask(one.id, 'running', 1, 1)))).toEqual([at(30)]);
});

it('what was there before us is no change, nor is what stayed, nor what has no time', () => {
  expect(changeTimes(null, before, raw(rawTask(one.id, 'running', 1, 1)))).toEqual([]);
  expect(changeTimes(before, before, raw(rawTask(one.id, 'running', 1, 1)))).toEqual([]);
  const odd = { ID: two.id, Status: { State: 'running', Timestamp: '0001-01-01T00:00:00Z' } };
  expect(changeTimes(before, cluster({ services: [web], tasks: [one, two] }), raw(odd, { ID: one.id, Status: 7 }))).toEqual([]);
});
