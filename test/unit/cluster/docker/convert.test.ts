import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClusterConverter, convertCluster } from '../../../../src/cluster/docker/convert.js';
import type { RawCluster } from '../../../../src/cluster/docker/raw.js';
import { defaultPortPolicy } from '../../../../src/cluster/policy.js';
import { alpha, back, beta, clusterJson, front, ingress, networkJson, nodeJson, serviceJson, taskJson, tcp8080 } from './swarm-json.js';

const stateOf = (parts: Partial<RawCluster>) => convertCluster(clusterJson(parts)).state;
const conditionsOf = (parts: Partial<RawCluster>) => stateOf(parts).conditions.map(({ reason, message }) => `${reason}: ${message}`);

describe('what Swarm publishes', () => {
  test('a published service with its tasks arrives whole, sorted by id', () => {
    const state = stateOf({
      services: [serviceJson('webid', { ports: [tcp8080, { ...tcp8080, Protocol: 'udp', PublishedPort: 53, TargetPort: 5353 }] })],
      tasks: [
        taskJson('t2', { service: 'webid', node: 'betaid', slot: 2, attachments: [[front, '10.0.1.9/24'], [ingress, '10.0.0.9/24']] }),
        taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']] }),
      ],
    });

    expect(state).toEqual({
      nodes: [
        { id: 'alphaid', name: 'alpha', address: '192.168.56.11', ready: true },
        { id: 'betaid', name: 'beta', address: '192.168.56.12', ready: true },
      ],
      services: [
        {
          id: 'webid',
          name: 'web',
          createdAt: '2026-11-23T04:11:36.65091842Z',
          ports: [
            { protocol: 'tcp', published: 8080, target: 80, publishedBy: 'swarm', policy: defaultPortPolicy },
            { protocol: 'udp', published: 53, target: 5353, publishedBy: 'swarm', policy: defaultPortPolicy },
          ],
        },
      ],
      tasks: [
        { id: 't1', name: 'web.1', serviceId: 'webid', nodeId: 'alphaid', identity: { address: '10.0.0.8', prefixLength: 24 }, weight: 1 },
        { id: 't2', name: 'web.2', serviceId: 'webid', nodeId: 'betaid', identity: { address: '10.0.0.9', prefixLength: 24 }, weight: 1 },
      ],
      conditions: [],
    });
  });

  test('ports of mode host, and ports not granted yet, are not taken for ingress ports', () => {
    const ports = [{ ...tcp8080, PublishMode: 'host' }, { Protocol: 'tcp', TargetPort: 81, PublishMode: 'ingress' }];

    expect(stateOf({ services: [serviceJson('webid', { ports })] }).services).toEqual([]);
  });

  test('enabled=false leaves service and tasks to dockerd entirely', () => {
    const state = stateOf({
      services: [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.enabled': 'false' } })],
      tasks: [taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']] })],
    });

    expect([...state.services, ...state.tasks, ...state.conditions]).toEqual([]);
  });

  test('a bad label is told on its service, which is served', () => {
    const state = stateOf({ services: [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.drain': '10x', 'routemesh.80.drain': '1s' } })] });

    expect(state.services[0]?.ports[0]?.policy).toEqual(defaultPortPolicy);
    expect(state.conditions.map(({ reason, object }) => [reason, object])).toEqual([
      ['BadPolicy', { kind: 'service', id: 'webid', name: 'web' }],
      ['BadPolicy', { kind: 'service', id: 'webid', name: 'web' }],
    ]);
  });
});

describe('which tasks take connections', () => {
  const served = (task: Partial<Parameters<typeof taskJson>[1]>, nodes = [alpha, beta]) =>
    stateOf({
      nodes,
      services: [serviceJson('webid', { ports: [tcp8080] })],
      tasks: [taskJson('t1', { service: 'webid', node: 'betaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']], ...task })],
    }).tasks.map(({ name, weight, starting }) => [name, weight, ...(starting === true ? ['starting'] : [])]);

  test('running and wanted: yes', () => expect(served({})).toEqual([['web.1', 1]]));
  test.each(['shutdown', 'remove', 'complete'])('running but desired %s: drained, so that its connections live on', (desired) =>
    expect(served({ desired })).toEqual([['web.1', 0]]),
  );
  test.each(['new', 'pending', 'assigned', 'accepted', 'preparing', 'complete', 'shutdown', 'failed', 'rejected', 'remove', 'orphaned'])(
    '%s: no, for a connection to it would be lost',
    (state) => expect(served({ state })).toEqual([]),
  );
  test.each(['ready', 'starting'])('%s: no, but the way to it can be laid, so that its first connection need not wait for that', (state) => {
    expect(served({ state })).toEqual([['web.1', 0, 'starting']]);
    expect(served({ state, desired: 'ready' })).toEqual([['web.1', 0, 'starting']]);
    expect(served({ state, desired: 'shutdown' })).toEqual([]);
    expect(served({ state, attachments: [] })).toEqual([]);
  });
  test('on a node that is down: no', () => expect(served({}, [alpha, nodeJson('betaid', 'beta', '192.168.56.12', { state: 'down' })])).toEqual([]));
  test.each(['ready', 'unknown', 'disconnected'])('on a node that the managers call %s: yes, it may well live', (state) =>
    expect(served({}, [alpha, nodeJson('betaid', 'beta', '192.168.56.12', { state })])).toEqual([['web.1', 1]]),
  );
  test('on a node that left the cluster: no', () => expect(served({}, [alpha])).toEqual([]));
  test('without an address on the ingress network (published after it started): no, and nobody is alarmed', () => expect(served({ attachments: [] })).toEqual([]));
  test('of a global service: named by its node', () => {
    const { slot: _, ...task } = { service: 'webid', node: 'betaid', slot: 0, attachments: [[ingress, '10.0.0.8/24']] } as const;
    const state = stateOf({ services: [serviceJson('webid', { ports: [tcp8080] })], tasks: [taskJson('t1', task)] });
    expect(state.tasks[0]?.name).toBe('web.beta');
  });
});

describe('which address is the identity', () => {
  const label = { 'routemesh.publish': '9090:80' };
  const task = taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[front, '10.0.1.8/24'], [back, '10.0.2.8/24']] });
  const identities = (parts: Partial<RawCluster>) => stateOf(parts).tasks.map(({ identity }) => identity.address);

  test('published by label: the only overlay of the service', () => {
    const services = [serviceJson('webid', { labels: label, networks: [front] })];
    const tasks = [taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[front, '10.0.1.8/24']] })];

    expect(identities({ services, tasks })).toEqual(['10.0.1.8']);
    expect(stateOf({ services, tasks }).services[0]?.ports[0]).toMatchObject({ published: 9090, publishedBy: 'label' });
    expect(conditionsOf({ services, tasks })).toEqual([]);
  });

  test('published by label on two overlays: the one that is named', () => {
    const services = [serviceJson('webid', { labels: { ...label, 'routemesh.network': 'shop_back' }, networks: [front, back] })];

    expect(identities({ services, tasks: [task] })).toEqual(['10.0.2.8']);
  });

  test('published by Swarm with a named overlay: that one', () => {
    const services = [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.network': 'shop_front' }, networks: [front, back] })];

    expect(identities({ services, tasks: [task] })).toEqual(['10.0.1.8']);
  });

  test('two overlays and no name: the owner is told which there are', () => {
    const services = [serviceJson('webid', { labels: label, networks: [front, back] })];

    expect(identities({ services, tasks: [task] })).toEqual([]);
    expect(conditionsOf({ services, tasks: [task] })).toEqual([expect.stringMatching(/^NoIdentityNetwork: .*"shop_front", "shop_back".*routemesh.network/)]);
  });

  test('no overlay at all: the owner is told to attach one', () => {
    expect(conditionsOf({ services: [serviceJson('webid', { labels: label })] })).toEqual([expect.stringContaining('--network-add')]);
  });

  test('a name that the service is not attached to: the owner is told', () => {
    const services = [serviceJson('webid', { labels: { ...label, 'routemesh.network': 'shop' }, networks: [front] })];

    expect(conditionsOf({ services, tasks: [task] })).toEqual([expect.stringMatching(/NoIdentityNetwork: .*"shop", to which the service is not attached \(it is to "shop_front"\)/)]);
  });

  test('a named network that is no overlay is refused: its addresses are not unique in the cluster', () => {
    const networks = [networkJson(front, 'macvlan')];
    const services = [serviceJson('webid', { labels: { ...label, 'routemesh.network': 'shop_front' }, networks: [front] })];

    expect(conditionsOf({ services, networks })).toEqual([expect.stringContaining('which is no overlay')]);
  });

  test('what Swarm publishes too, but is addressed on another overlay, says so: dockerd’s rules on ingress don’t count there', () => {
    const beside = (labels: Record<string, string>) => stateOf({ services: [serviceJson('webid', { ports: [tcp8080], labels, networks: [front] })] }).services[0];
    expect(beside({ 'routemesh.network': 'shop_front' })?.besideIngress).toBe(true);
    expect(beside({})).not.toHaveProperty('besideIngress');
  });

  test('while an update moves a service to another overlay, its old tasks are served until they go', () => {
    const services = [serviceJson('webid', { labels: label, networks: [back] })];
    const tasks = [
      taskJson('old', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[front, '10.0.1.8/24']] }),
      taskJson('young', { service: 'webid', node: 'alphaid', slot: 2, attachments: [[back, '10.0.2.9/24']] }),
    ];

    expect(identities({ services, tasks })).toEqual(['10.0.1.8', '10.0.2.9']);
    expect(conditionsOf({ services, tasks })).toEqual([]);
  });

  test('a Swarm without ingress network says so', () => {
    expect(conditionsOf({ services: [serviceJson('webid', { ports: [tcp8080] })], networks: [] })).toEqual([expect.stringContaining('no ingress network')]);
  });

  test('a label port on the ingress network is refused where dockerd would drop its packets', () => {
    const services = [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.publish': '9090:80,9091:81,8080:82' } })];

    expect(stateOf({ services }).services[0]?.ports.map(({ published, target }) => [published, target])).toEqual([[8080, 80], [9090, 80]]);
    expect(conditionsOf({ services })).toEqual([
      expect.stringMatching(/^BadPolicy: .*tcp\/8080 of this service already, to 80/),
      expect.stringMatching(/^NoIdentityNetwork: .*tcp\/9091 is not served: on the ingress network dockerd lets only/),
    ]);
  });
});

describe('how long removed tasks may drain', () => {
  const drainOf = (stopGrace: number | undefined, labels: Record<string, string> = {}) => {
    const service = serviceJson('webid', { ports: [tcp8080], labels });
    const spec = { ...(service.Spec as Record<string, unknown>), TaskTemplate: { ContainerSpec: { StopGracePeriod: stopGrace } } };
    return stateOf({ services: [{ ...service, Spec: spec }] }).services[0]?.ports[0]?.policy.drainMilliseconds;
  };

  test('ten minutes, or the stop grace where it is longer: nobody is cut off while Docker itself still waits', () => {
    expect(drainOf(undefined)).toBe(600_000);
    expect(drainOf(10e9)).toBe(600_000);
    expect(drainOf(3_600e9)).toBe(3_600_000);
    expect(drainOf(1e30)).toBe(86_400_000);
  });

  test('what a label says, whatever the stop grace', () => {
    expect(drainOf(3_600e9, { 'routemesh.drain': '30s' })).toBe(30_000);
  });
});

describe('nodes', () => {
  test.each(['0.0.0.0', '127.0.0.1', ''])('a manager that Docker shows as %j is known by the address it advertises', (seen) => {
    const nodes = [nodeJson('alphaid', 'alpha', seen, { manager: '192.168.56.11:2377' })];

    expect(stateOf({ nodes }).nodes[0]?.address).toBe('192.168.56.11');
  });

  const labelled = (address: unknown) => ({ ...beta, Spec: { Labels: { 'routemesh.address': address } } });

  test('a node of several networks is reached by the one that its label names', () => {
    expect(stateOf({ nodes: [labelled('10.20.0.12')] })).toMatchObject({ nodes: [{ name: 'beta', address: '10.20.0.12' }], conditions: [] });
  });

  test.each(['010.20.0.12', '127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', 'h2', '10.20.0.12; reboot', ''])('a label %j is refused, and the node stays where Swarm sees it', (address) => {
    const { nodes, conditions } = stateOf({ nodes: [labelled(address)] });
    expect(nodes.map((node) => node.address)).toEqual(['192.168.56.12']);
    expect(conditions).toMatchObject([{ reason: 'BadPolicy', object: { kind: 'node', name: 'beta' } }]);
  });

  test('a node without IPv4 address is told, the others are kept', () => {
    const state = stateOf({ nodes: [nodeJson('sixid', 'six', 'fd00::1'), beta] });

    expect(state.nodes.map(({ name }) => name)).toEqual(['beta']);
    expect(state.conditions[0]).toMatchObject({ reason: 'TaskUnreachable', object: { kind: 'node', name: 'six' } });
  });
});

describe('odd JSON', () => {
  test('what is odd is skipped with a note, what is beside it is served', () => {
    const { state, notes } = convertCluster(
      clusterJson({
        nodes: [null, 7, alpha, { ID: '../../etc' }],
        services: [null, 'x', { ID: 'a', Spec: null }, serviceJson('webid', { ports: [tcp8080] })],
        tasks: [null, {}, { ServiceID: 'webid', Status: { State: 'running' } }, taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']] })],
        networks: [null, {}, networkJson(ingress)],
      }),
    );

    expect(state.tasks).toHaveLength(1);
    expect(notes.length).toBeGreaterThan(3);
  });

  test('no JSON of any kind makes it fail', () => {
    const real = clusterJson({
      services: [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.publish': '9090:80' }, networks: [front] })],
      tasks: [taskJson('t1', { service: 'webid', node: 'alphaid', attachments: [[ingress, '10.0.0.8/24']] })],
    });
    const anyList = fc.array(fc.jsonValue());
    fc.assert(
      fc.property(fc.record({ services: anyList, tasks: anyList, nodes: anyList, networks: anyList }), (raw) => {
        convertCluster(raw);
      }),
    );
    // Real JSON with one value anywhere replaced by another kind.
    fc.assert(
      fc.property(fc.nat(), fc.jsonValue(), (position, value) => {
        let left = position % 200;
        const mutated: unknown = JSON.parse(JSON.stringify(real), (_, original: unknown) => (left-- === 0 ? value : original));
        if (typeof mutated !== 'object' || mutated === null || !('services' in mutated)) return;
        const { services, tasks, nodes, networks } = mutated as Record<string, unknown>;
        if ([services, tasks, nodes, networks].every(Array.isArray)) convertCluster(mutated as unknown as RawCluster);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('converting again and again', () => {
  const whole = clusterJson({
    services: [serviceJson('dbid', { ports: [{ ...tcp8080, PublishedPort: 5432 }] }), serviceJson('webid', { ports: [tcp8080], networks: [front] })],
    tasks: [
      taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']] }),
      taskJson('t2', { service: 'dbid', node: 'betaid', slot: 1, attachments: [[ingress, '10.0.0.9/24']] }),
    ],
  });
  const changedTask = taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, state: 'failed', attachments: [[ingress, '10.0.0.8/24']] });

  test('of a cluster where one task has changed, the rest is what it was, object by object', () => {
    const converter = new ClusterConverter();
    const before = converter.convert(whole).state;
    const after = converter.convert({ ...whole, tasks: [changedTask, ...whole.tasks.slice(1)] }).state;

    expect(after.tasks.map(({ id }) => id)).toEqual(['t2']);
    expect(after.tasks[0]).toBe(before.tasks[1]);
    after.services.forEach((service, index) => { expect(service).toBe(before.services[index]); });
  });

  test.each<[string, Partial<RawCluster>]>([
    ['a node goes down', { nodes: [nodeJson('alphaid', 'alpha', '192.168.56.11', { state: 'down' }), beta] }],
    ['a node gets another name', { nodes: [nodeJson('alphaid', 'gamma', '192.168.56.11'), beta] }],
    ['the ingress network is made anew as another', { networks: [networkJson({ ...ingress, ingress: false }), networkJson(front)] }],
    ['a service publishes another port', { services: [serviceJson('webid', { ports: [{ ...tcp8080, PublishedPort: 8081 }] })] }],
    ['a service gets a policy', { services: [serviceJson('webid', { ports: [tcp8080], labels: { 'routemesh.scheduler': 'sh' } })] }],
    ['a task fails', { tasks: [changedTask] }],
  ])('nothing old is served after %s', (_, change) => {
    const converter = new ClusterConverter();
    converter.convert(whole);
    const changed = { ...whole, ...change };

    expect(converter.convert(changed)).toEqual(convertCluster(changed));
    expect(converter.convert(whole)).toEqual(convertCluster(whole));
  });
});
