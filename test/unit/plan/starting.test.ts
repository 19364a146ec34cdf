import { describe, expect, it } from '@jest/globals';
import type { ClusterNode, Task } from '../../../src/cluster/state.js';
import { differenceOfPlans } from '../../../src/kernel/difference.js';
import { plan } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, contextFor, port, service, task } from './fixtures.js';

const node = (number: number): ClusterNode => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true });

describe.each([
  ['rule by rule', null],
  ['by sets', 1],
])('a task that is about to run, matched %s', (_, setsFrom) => {
  const plannedWithout = (unfound: readonly string[], ...tasks: readonly Task[]) => {
    const state = cluster({ nodes: [node(1), node(2)], services: [service('web', [port(8080, 80)])], tasks });
    const context = contextFor(state, { settings: { ...defaultSettings, setsFrom } });
    return plan(state, { ...context, localTasks: new Map([...context.localTasks].filter(([id]) => !unfound.includes(id))) });
  };
  const planned = (...tasks: readonly Task[]) => plannedWithout([], ...tasks);
  const starting = (one: Task): Task => ({ ...one, weight: 0, starting: true });

  it.each([
    ['here', task('web', 2)],
    ['on another node', task('web', 2, { nodeId: 'node2' })],
  ])('%s gets no connection, and needs nothing but its real server once it runs: no program is started for it', (_where, coming) => {
    const before = planned(task('web', 1), starting(coming));
    const after = planned(task('web', 1), coming);
    expect(before.ports.map(({ backends }) => backends.map(({ taskName }) => taskName))).toEqual([['web.1']]);
    expect(differenceOfPlans(before, after).map(({ action, kind, summary }) => `${action} ${kind} ${summary}`)).toEqual([
      'add ipvs destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight 1',
    ]);
  });

  it('has its way laid before', () => {
    const kinds = differenceOfPlans(planned(task('web', 1)), planned(task('web', 1), starting(task('web', 2)))).map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['link', 'address', 'neighbour', 'route', 'rule', 'sysctl', setsFrom === null ? 'iptables' : 'set']));
  });

  it('here, whose container is not there yet, is admitted before it runs: what is left then starts no program', () => {
    const coming = task('web', 2);
    const before = plannedWithout([coming.id], task('web', 1), starting(coming));
    const after = planned(task('web', 1), coming);
    expect(before.conditions).toEqual([]);
    expect(before.ports.map(({ backends }) => backends.map(({ taskName }) => taskName))).toEqual([['web.1']]);
    expect(new Set(differenceOfPlans(before, after).map(({ kind }) => kind))).toEqual(new Set(['link', 'address', 'neighbour', 'route', 'rule', 'sysctl', 'ipvs']));
  });

  it('here, and never does, leaves nothing behind', () => {
    const coming = starting(task('web', 2));
    expect(differenceOfPlans(planned(task('web', 1)), plannedWithout([coming.id], task('web', 1)))).toEqual([]);
    expect(plannedWithout([coming.id], task('web', 1), coming).places.map(({ place }) => place)).toEqual(planned(task('web', 1)).places.map(({ place }) => place));
  });
});
