import { describe, expect, it } from '@jest/globals';
import type { ClusterState, Service, Task } from '../../../src/cluster/state.js';
import { opensForNobodyYet, beginsForNobodyYet } from '../../../src/controller/priority.js';
import { Planner } from '../../../src/plan/plan.js';
import { cluster, contextFor, port, service, task } from '../plan/fixtures.js';

const web = service('web', [port(8080, 80)]);
const shop = service('shop', [port(9090, 80), port(9091, 80)]);
const running = task('web', 1);
const known: ClusterState = cluster({ nodes: [1, 2].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true })), services: [web], tasks: [running] });

/** Whether the step from one state to the next is for later: by the states, and by the plans of a node that has the tasks of both. */
function isForLater(services: readonly Service[], tasks: readonly Task[]): { readonly states: boolean; readonly plans: boolean } {
  const planner = new Planner();
  const surroundings = contextFor({ ...known, tasks: [running, task('shop', 2)] });
  const next = { ...known, services, tasks };
  return { states: beginsForNobodyYet(known, next), plans: opensForNobodyYet(planner.plan(known, surroundings), planner.plan(next, surroundings)) };
}

describe('the controller steps behind the node’s other programs', () => {
  it.each<[string, readonly Task[]]>([
    ['a new service', [running]],
    ['a new service whose task is started', [running, { ...task('shop', 4, { nodeId: 'node2' }), weight: 0, starting: true }]],
  ])('for %s: Docker is to start its tasks, and needs the processor for that', (_of, tasks) => {
    expect(isForLater([web, shop], tasks)).toEqual({ states: true, plans: true });
  });
});

describe('the controller stays behind them while the first tasks of a service are on their way', () => {
  const assigned: Task = { ...task('shop', 4, { nodeId: 'node2' }), weight: 0, starting: true };
  const published = { ...known, services: [web, shop] };

  it.each<[string, readonly Task[], readonly Task[]]>([
    ['a task is assigned', [running], [running, assigned]],
    ['a task that failed before it ran is replaced', [running, assigned], [running, { ...assigned, id: 'again' }]],
  ])('%s', (_of, before, tasks) => {
    expect(beginsForNobodyYet({ ...published, tasks: before }, { ...published, tasks })).toBe(true);
  });

  it.each<[string, readonly Task[], readonly Task[]]>([
    ['but not once one runs', [running, assigned], [running, { ...assigned, weight: 1 }]],
    ['nor beside one that runs', [running, task('shop', 2)], [running, task('shop', 2), assigned]],
    ['nor when its last one ends', [running, task('shop', 2)], [running]],
  ])('%s', (_of, before, tasks) => {
    expect(beginsForNobodyYet({ ...published, tasks: before }, { ...published, tasks })).toBe(false);
  });
});

describe('the controller keeps its place before the node’s other programs', () => {
  it.each<[string, readonly Service[], readonly Task[]]>([
    ['nothing at all', [web], [running]],
    ['a new service of which a task runs', [web, shop], [running, task('shop', 2)]],
    ['a new service beside a task that begins', [web, shop], [running, task('web', 3, { nodeId: 'node2' })]],
    ['a new service beside a task that drains', [web, shop], [{ ...running, weight: 0 }]],
    ['a new service beside a task that ended', [web, shop], []],
    ['a new service beside a port that closes', [shop], [running]],
    ['a port more of a service that runs', [{ ...web, ports: [...web.ports, port(8081, 80)] }], [running]],
    ['a task that begins', [web], [running, task('web', 3, { nodeId: 'node2' })]],
  ])('for %s', (_of, services, tasks) => {
    expect(isForLater(services, tasks)).toEqual({ states: false, plans: false });
  });

  it('for a node that comes or goes beside a new service', () => {
    expect(beginsForNobodyYet(known, { ...known, services: [web, shop], nodes: known.nodes.slice(1) })).toBe(false);
  });
});
