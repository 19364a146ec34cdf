import { describe, expect, it } from '@jest/globals';
import { protocols, type ClusterNode } from '../../../src/cluster/state.js';
import { differenceOfPlans } from '../../../src/kernel/difference.js';
import { plan } from '../../../src/plan/plan.js';
import { cluster, contextFor, port, service, task } from './fixtures.js';

const node = (number: number): ClusterNode => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true });

/** web.1 here, web.2 on h2, on a port of each protocol. */
const state = cluster({
  nodes: [node(1), node(2)],
  services: [service('web', protocols.map((protocol) => port(8080, 80, { protocol })))],
  tasks: [task('web', 1), task('web', 2, { nodeId: 'node2' })],
});
const planned = (dead: readonly string[], tasks = state.tasks) => {
  const context = contextFor(state, { deadPeers: new Set(dead) });
  return plan({ ...state, tasks }, { ...context, localTasks: new Map([...context.localTasks].slice(0, 1)) });
};
const backends = (protocol: string, ...asked: Parameters<typeof planned>) =>
  planned(...asked).ports.filter((one) => one.protocol === protocol).flatMap((one) => one.backends.map(({ taskName, weight }) => `${taskName} ${weight}`));

describe('a task of a peer that does not answer', () => {
  it.each(['tcp', 'sctp'])('gets no new connections by %s, and keeps those that it has', (protocol) => {
    expect(backends(protocol, ['node2'])).toEqual(['web.1 1', 'web.2 0']);
  });

  it('loses its UDP flows to the others: their clients would go on sending to nobody', () => {
    expect(backends('udp', ['node2'])).toEqual(['web.1 1']);
  });

  it('costs what can be done at once, before the long look at the kernel: nothing has to be added', () => {
    const urgent = differenceOfPlans(planned([]), planned(['node2'])).filter(({ kind }) => kind === 'ipvs');
    expect(urgent.map(({ action, summary }) => `${action} ${summary}`)).toEqual([
      'change destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight 1 → 0',
      'change destination 10.0.0.6:80 of sctp/8080 (mark 0x841f90) weight 1 → 0',
      'remove destination 10.0.0.6:80 of udp/8080 (mark 0x111f90)',
    ]);
  });

  it.each(protocols)('is used by %s all the same where there is nobody else', (protocol) => {
    expect(backends(protocol, ['node2'], state.tasks.slice(1))).toEqual(['web.2 1']);
    expect(backends(protocol, ['node2'], state.tasks.map((one, index) => (index === 0 ? { ...one, weight: 0 } : one)))).toEqual(['web.1 0', 'web.2 1']);
  });
});
