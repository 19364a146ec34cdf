import { defaultPortPolicy } from '../../../../src/cluster/policy.js';
import { byId } from '../../../../src/cluster/sorting.js';
import type { ClusterState } from '../../../../src/cluster/state.js';

/** Those whose certificates the tests of the relay show. */
const relayNodes = ['m1', 'm2', 'own', 'w1', 'w2'].map((id, index) => ({ id, name: id, address: `192.168.56.${21 + index}`, ready: true }));

/** One service on tcp/8080, with so many tasks. */
export function web(replicas: number): ClusterState {
  return {
    nodes: [
      { id: 'n1', name: 'h1', address: '192.168.56.11', ready: true },
      { id: 'n2', name: 'h2', address: '192.168.56.12', ready: true },
      ...relayNodes,
    ].sort(byId),
    services: [
      {
        id: 'webid',
        name: 'web',
        createdAt: '2026-11-23T04:11:36.65091842Z',
        ports: [{ protocol: 'tcp', published: 8080, target: 80, publishedBy: 'swarm', policy: defaultPortPolicy }],
      },
    ],
    tasks: Array.from({ length: replicas }, (_, n) => ({
      id: `t${n + 1}`,
      name: `web.${n + 1}`,
      serviceId: 'webid',
      nodeId: n % 2 === 0 ? 'n1' : 'n2',
      identity: { address: `10.0.0.${n + 8}`, prefixLength: 24 },
      weight: 1,
    })),
    conditions: [],
  };
}
