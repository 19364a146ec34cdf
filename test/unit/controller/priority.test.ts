import { describe, expect, it } from '@jest/globals';
import type { ClusterState, Service, Task } from '../../../src/cluster/state.js';
import { isForLater } from '../../../src/controller/priority.js';
import { Planner } from '../../../src/plan/plan.js';
import { cluster, contextFor, port, service, task } from '../plan/fixtures.js';

const web = service('web', [port(8080, 80)]);
const shop = service('shop', [port(9090, 80), port(9091, 80)]);
const running = task('web', 1);
const known: ClusterState = cluster({ nodes: [1, 2].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true })), services: [web], tasks: [running] });

/** Whether the step from one state to the next is for later, for a node that has the tasks of both. */
function step(services: readonly Service[], tasks: readonly Task[]): boolean {
  const planner = new Planner();
  const surroundings = contextFor({ ...known, tasks: [running, task('shop', 2)] });
  return isForLater(planner.plan(known, surroundings), planner.plan({ ...known, services, tasks }, surroundings));
}

describe('the controller steps behind the node’s other programs', () => {
  it('for a new service none of whose tasks runs yet: Docker is to start them, and needs the processor for that', () => {
    expect(step([web, shop], [running])).toBe(true);
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
    ['a task that begins', [web], [running, task('web', 3, { nodeId: 'node2' })]],
  ])('for %s', (_of, services, tasks) => {
    expect(step(services, tasks)).toBe(false);
  });
});
