import { describe, expect, it } from '@jest/globals';
import { parseClusterFile } from '../../../src/cluster/file/cluster-file.js';
import { clusterFile } from '../../bench/cluster-file.js';

const read = (text: string) => parseClusterFile(text, '/etc/routemesh/bench.yaml');
const self = { name: 'bare', address: '192.168.56.41' };

describe('the file of a cluster to measure', () => {
  it.each([
    [10, 3],
    [1000, 3],
    [10_000, 100],
  ])('is one that the file source takes, with %d ports of five endpoints on %d nodes', (ports, nodes) => {
    const state = read(clusterFile(self, { ports, nodes }, 1));
    expect(state.conditions).toEqual([]);
    expect(state.nodes).toHaveLength(nodes);
    expect(state.services.reduce((sum, service) => sum + service.ports.length * state.tasks.filter(({ serviceId }) => serviceId === service.id).length, 0)).toBe(5 * ports);
    expect(state.tasks.filter(({ nodeId }) => nodeId === 'bare')).toEqual([]);
  });

  it('changes one endpoint of ten ports, whatever the size', () => {
    const weights = (weight: number) => read(clusterFile(self, { ports: 1000, nodes: 3 }, weight)).tasks.map((task) => task.weight);
    expect(weights(2).filter((weight, index) => weight !== weights(1)[index])).toEqual([2]);
    expect(read(clusterFile(self, { ports: 1000, nodes: 3 }, 1)).services[0]?.ports).toHaveLength(10);
  });

  it('may publish nothing', () => {
    expect(read(clusterFile(self, { ports: 0, nodes: 3 }, 1)).services).toEqual([]);
  });
});
