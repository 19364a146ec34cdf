import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClusterState } from '../../../src/cluster/state.js';
import { Arrivals } from '../../../src/controller/arrivals.js';
import { silentEvents } from '../../../src/event.js';
import { cluster, nodeId, port, service, task } from '../plan/fixtures.js';

const here = task('web', 1);
const there = task('web', 2, { nodeId: 'node2' });
const state = (...tasks: ClusterState['tasks']): ClusterState => cluster({
  nodes: [{ id: nodeId, name: 'h1', address: '192.168.56.11', ready: true }, { id: 'node2', name: 'h2', address: '192.168.56.12', ready: true }],
  services: [service('web', [port(8080, 80)])],
  tasks,
});

let now: number;
let asked: string[];
let told: string[];
let answers: boolean;
let broken: boolean;
let arrivals: Arrivals;

beforeEach(() => {
  now = 0;
  [asked, told, answers, broken] = [[], [], false, false];
  arrivals = new Arrivals({
    nodeId,
    probe: {
      ask: (source, questions, onReply) => {
        if (broken) throw new Error('no route yet');
        for (const { destination, sequence } of questions) {
          asked.push(`${source} → ${destination}`);
          if (answers) onReply(destination, sequence);
        }
        return questions.map(() => null);
      },
      listen: () => undefined,
      read: () => undefined,
      readWithin: () => undefined,
      close: () => undefined,
    },
    events: silentEvents,
    onChange: (what) => told.push(what),
    now: () => now,
  });
});
afterEach(() => { arrivals.close(); });

it('what was there when the controller began is held back from nobody', () => {
  arrivals.follow(state(here, there));
  expect(arrivals.unreached()).toEqual(new Set());
});

const soon = () => new Promise((resolve) => { setImmediate(resolve); });

it('a task that comes to another node is asked, and gets connections once it has answered', async () => {
  arrivals.follow(state(here));
  arrivals.follow(state(here, there));
  expect(arrivals.unreached()).toEqual(new Set([there.id]));
  arrivals.ask();
  expect(asked).toEqual(['100.104.56.11 → 10.0.0.6']);
  expect(arrivals.unreached()).toEqual(new Set([there.id]));
  answers = true;
  arrivals.ask();
  expect(arrivals.unreached()).toEqual(new Set());
  await soon();
  expect(told).toEqual(['web.2 is reached']);
});

it('one that comes to this node is not asked: its cable is laid before anything is sent to it', () => {
  arrivals.follow(state(there));
  arrivals.follow(state(here, there));
  expect(arrivals.unreached()).toEqual(new Set());
});

it('while there is no way to it yet it is waited for', () => {
  arrivals.follow(state());
  arrivals.follow(state(there));
  broken = true;
  arrivals.ask();
  expect(arrivals.unreached()).toEqual(new Set([there.id]));
});

it('one that ignores echo requests gets connections in the end, and one that goes again is forgotten', async () => {
  arrivals.follow(state());
  arrivals.follow(state(there));
  now = 31_000;
  arrivals.ask();
  expect(arrivals.unreached()).toEqual(new Set());
  await soon();
  expect(told).toEqual(['web.2 is reached']);

  arrivals.follow(state());
  arrivals.follow(state(there));
  expect(arrivals.unreached()).toEqual(new Set([there.id]));
  arrivals.follow(state());
  expect(arrivals.unreached()).toEqual(new Set());
});

describe('one that is about to run', () => {
  const starting = { ...there, weight: 0, starting: true } as const;

  it('is asked already, so that it gets connections as soon as it runs', () => {
    arrivals.follow(state());
    arrivals.follow(state(starting));
    answers = true;
    arrivals.ask();
    arrivals.follow(state(there));
    expect(arrivals.unreached()).toEqual(new Set());
  });

  it('is waited for from when it runs: it may take minutes until then', () => {
    arrivals.follow(state());
    arrivals.follow(state(starting));
    now = 60_000;
    arrivals.ask();
    expect(arrivals.unreached()).toEqual(new Set([there.id]));
    arrivals.follow(state(there));
    now = 80_000;
    arrivals.ask();
    expect(arrivals.unreached()).toEqual(new Set([there.id]));
    now = 91_000;
    arrivals.ask();
    expect(arrivals.unreached()).toEqual(new Set());
  });

  it('when the controller began is not taken for reached: its node may not have laid the cable', () => {
    arrivals.follow(state(starting));
    expect(arrivals.unreached()).toEqual(new Set([there.id]));
  });
});

it('those that are reached together are told of once: a hundred tasks are no hundred plans', async () => {
  const many = Array.from({ length: 100 }, (_, index) => task('web', index, { nodeId: 'node2' }));
  arrivals.follow(state());
  arrivals.follow(state(...many));
  answers = true;
  arrivals.ask();
  await soon();
  expect(arrivals.unreached()).toEqual(new Set());
  expect(told).toEqual(['web.0 and 99 more are reached']);
});
