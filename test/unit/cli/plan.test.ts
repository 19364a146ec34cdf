import { describe, expect, it } from '@jest/globals';
import { computePlan } from '../../../src/cli/plan.js';
import { defaultPortPolicy } from '../../../src/cluster/policy.js';
import type { ClusterState, Service, Task } from '../../../src/cluster/state.js';
import { noInsight, type Insight } from '../../../src/controller/insight.js';
import type { MeshKernel } from '../../../src/controller/mesh-kernel.js';
import type { Change } from '../../../src/kernel/change.js';
import { unreadable } from '../../../src/kernel/unreadable.js';
import { defaultSettings } from '../../../src/settings.js';
import { task } from '../plan/fixtures.js';

const state: ClusterState = {
  nodes: [{ id: 'n1', name: 'h1', address: '192.168.56.11', ready: true }],
  services: [
    { id: 's1', name: 'web', createdAt: '2026-01-01T00:00:00Z', ports: [{ protocol: 'tcp', published: 8080, target: 80, publishedBy: 'label', policy: defaultPortPolicy }] },
  ],
  tasks: [],
  conditions: [],
};

function kernel(changes: readonly Change[], listening: readonly string[] = []): MeshKernel {
  return {
    release: '6.1.0',
    underlayMtu: () => 1500,
    findTasks: () => new Map(),
    watchNamespaces: () => ({ close: () => undefined }),
    probe: () => { throw new Error('plan asks nobody'); },
    resolveTask: () => { throw new Error('no task is here'); },
    portsHeldByOthers: (ports) => new Map(ports.map(({ protocol, port }) => `${protocol}/${port}`).filter((key) => listening.includes(key)).map((key) => [key, 'node (pid 7)'])),
    difference: () => Promise.resolve(changes),
    differenceFrom: () => [],
    ipvsDifferenceFrom: () => [],
    notYetReached: () => new Set(),
    apply: () => Promise.reject(new Error('plan must change nothing')),
    applyAtOnce: () => { throw new Error('plan must change nothing'); },
    connections: () => new Map(),
    statistics: () => Promise.resolve({ ports: new Map(), realServers: new Map() }),
    watch: () => undefined,
    close: () => undefined,
  };
}

function compute(ofKernel: MeshKernel, insight: Partial<Insight> = {}, cluster = state) {
  const source = { read: () => Promise.resolve(cluster) };
  const localTasks = { read: () => Promise.resolve(new Map()) };
  return computePlan({ settings: defaultSettings, node: { id: 'n1' }, source, localTasks, kernel: ofKernel, insight: () => Promise.resolve({ ...noInsight, ...insight }) }, new AbortController().signal);
}

const placeholder: Change = { kind: 'placeholder', place: 'host', action: 'add', key: 'tcp/8080', summary: 'placeholder tcp/8080' };

describe('plan', () => {
  it('finds nothing to do while a controller holds its ports, which to another process look like somebody’s', async () => {
    const { changes, nodePlan } = await compute(kernel([placeholder], ['tcp/8080']), { heldPorts: ['tcp/8080'] });
    expect(changes).toEqual([]);
    expect(nodePlan.conditions).toEqual([]);
  });

  it('shows placeholders and conflicts when no controller runs', async () => {
    expect((await compute(kernel([placeholder]))).changes).toEqual([placeholder]);
    expect((await compute(kernel([], ['tcp/8080']))).nodePlan.conditions).toMatchObject([{ reason: 'PortConflict' }]);
  });

  it('never says "nothing to do" of what it could not read', async () => {
    const { changes, unread } = await compute(kernel([unreadable('ipvs', 'sandbox', new Error('EPERM'))]));
    expect(changes).toEqual([]);
    expect(unread).toEqual(['sandbox: ipvs: can’t be read: EPERM']);
  });

  const twoNodes: ClusterState = { ...state, nodes: [...state.nodes, { id: 'n2', name: 'h2', address: '192.168.56.12', ready: true }] };
  const [service] = state.services as [Service];
  const drained: Task = { ...task('web', 1), nodeId: 'n2', serviceId: service.id, weight: 0 };

  it('leaves what the controller drains where it is, though the cluster has forgotten it, and finds nothing to take away', async () => {
    const lingering = await compute(kernel([]), { drains: [{ drained, removedService: { ...service, removed: true }, over: false }] }, twoNodes);
    expect(lingering.nodePlan.ports).toMatchObject([{ published: 8080, backends: [{ taskId: drained.id, weight: 0 }] }]);
  });

  it('does not ask back for a task whose drain the controller has ended', async () => {
    const ended = await compute(kernel([]), { drains: [{ drained, removedService: { ...service, removed: true }, over: true }] }, { ...twoNodes, tasks: [drained] });
    expect((await compute(kernel([]), {}, { ...twoNodes, tasks: [drained] })).nodePlan.ports).toMatchObject([{ backends: [{ taskId: drained.id }] }]);
    expect(ended.nodePlan.ports).toMatchObject([{ published: 8080, backends: [] }]);
  });
});
