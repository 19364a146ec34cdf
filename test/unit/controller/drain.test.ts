import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ClusterState, Task } from '../../../src/cluster/state.js';
import { DrainKeeper, type DrainFacts } from '../../../src/controller/drain.js';
import { cluster, port, service, task } from '../plan/fixtures.js';

const web = service('web', [port(8080, 80, { policy: { drainMilliseconds: 5_000 } })]);
const one = task('web', 1);
const two = task('web', 2);
const both = cluster({ services: [web], tasks: [one, two] });

let keeper: DrainKeeper;
let told: string[];
let alive: Set<string>;
let connections: Map<string, number>;

beforeEach(() => {
  told = [];
  keeper = new DrainKeeper({ onBegan: ({ name }) => told.push(`${name} begins`), onEnded: ({ name }, end) => told.push(`${name}: ${end}`) });
  alive = new Set([one.id, two.id]);
  connections = new Map();
});

function at(now: number, state: ClusterState): [string, number][] {
  const facts: DrainFacts = {
    now,
    isAlive: (candidate: Task) => alive.has(candidate.id),
    connectionsOf: (candidate: Task) => connections.get(candidate.id) ?? null,
  };
  return keeper.apply(state, facts).tasks.map(({ name, weight }) => [name, weight]);
}

const withoutOne = cluster({ services: [web], tasks: [two] });
const oneAtZero = cluster({ services: [web], tasks: [{ ...one, weight: 0 }, two] });

it('a task that is about to run, or never did, is not told to drain', () => {
  const starting = cluster({ services: [web], tasks: [{ ...one, weight: 0, starting: true }, two] });
  at(0, withoutOne);
  at(100, starting);
  at(200, withoutOne);
  expect(told).toEqual([]);
});

describe('a task that the cluster no longer wants', () => {
  it('keeps its connections at weight 0 until none is left', () => {
    at(0, both);
    connections.set(one.id, 3);
    expect(at(100, oneAtZero)).toEqual([['web.1', 0], ['web.2', 1]]);
    expect(at(1_000, oneAtZero)).toEqual([['web.1', 0], ['web.2', 1]]);
    connections.set(one.id, 0);
    expect(at(2_000, oneAtZero)).toEqual([['web.2', 1]]);
    expect(at(2_100, oneAtZero)).toEqual([['web.2', 1]]);
  });

  it('is not dropped in the very moment in which its drain begins: a connection may just have been scheduled', () => {
    at(0, both);
    connections.set(one.id, 0);
    expect(at(100, oneAtZero)).toEqual([['web.1', 0], ['web.2', 1]]);
  });

  it('is dropped when its grace is over, connections or not', () => {
    at(0, both);
    connections.set(one.id, 3);
    at(100, oneAtZero);
    expect(at(5_099, oneAtZero)).toHaveLength(2);
    expect(at(5_100, oneAtZero)).toEqual([['web.2', 1]]);
  });

  it('takes connections again at once when it comes back', () => {
    at(0, both);
    connections.set(one.id, 1);
    at(100, oneAtZero);
    expect(at(200, both)).toEqual([['web.1', 1], ['web.2', 1]]);
    expect(keeper.draining()).toEqual([]);
  });
});

describe('each drain is told once when it begins and once by what it ends', () => {
  it('no connection is left', () => {
    at(0, both);
    connections.set(one.id, 3);
    at(100, oneAtZero);
    at(200, oneAtZero);
    connections.set(one.id, 0);
    for (const now of [300, 400, 500]) at(now, oneAtZero);
    at(600, withoutOne);
    expect(told).toEqual(['web.1 begins', 'web.1: no connections left']);
  });

  it('its time is up', () => {
    at(0, both);
    connections.set(one.id, 3);
    for (const now of [100, 5_200, 5_300]) at(now, oneAtZero);
    expect(told).toEqual(['web.1 begins', 'web.1: time is up']);
  });

  it('it comes back', () => {
    at(0, both);
    at(100, oneAtZero);
    at(200, both);
    expect(told).toEqual(['web.1 begins', 'web.1: takes connections again']);
  });

  it('it is gone', () => {
    at(0, both);
    connections.set(one.id, 3);
    at(100, oneAtZero);
    alive.delete(one.id);
    at(200, withoutOne);
    expect(told).toEqual(['web.1 begins', 'web.1: task gone']);
  });
});

describe('a task that is left out of the cluster', () => {
  it('lingers at weight 0 while it lives on this node', () => {
    at(0, both);
    connections.set(one.id, 2);
    expect(at(100, withoutOne)).toEqual([['web.1', 0], ['web.2', 1]]);
    expect(at(1_000, withoutOne)).toEqual([['web.1', 0], ['web.2', 1]]);
    connections.set(one.id, 0);
    expect(at(1_100, withoutOne)).toEqual([['web.2', 1]]);
    expect(keeper.draining()).toEqual([]);
  });

  it('is gone at once when it died', () => {
    at(0, both);
    alive.delete(one.id);
    expect(at(100, withoutOne)).toEqual([['web.2', 1]]);
  });

  it('is gone when it dies while it drains', () => {
    at(0, both);
    connections.set(one.id, 2);
    at(100, withoutOne);
    alive.delete(one.id);
    expect(at(200, withoutOne)).toEqual([['web.2', 1]]);
  });

  it('keeps its removed service too, or its connections would be cut with the virtual service', () => {
    const nothing = cluster({});
    const facts: DrainFacts = { now: 0, isAlive: () => true, connectionsOf: () => 1 };
    keeper.apply(both, facts);
    const state = keeper.apply(nothing, { ...facts, now: 100 });
    expect(state.services).toMatchObject([{ id: web.id, removed: true }]);
    expect(keeper.apply(nothing, { ...facts, now: 5_100 })).toEqual(nothing);
  });
});

it('hands on a cluster in which nothing drains untouched', () => {
  expect(keeper.apply(both, { now: 0, isAlive: () => true, connectionsOf: () => null })).toBe(both);
});
