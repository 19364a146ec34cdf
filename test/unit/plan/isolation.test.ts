import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { protocols, type ClusterNode, type ClusterState, type Task } from '../../../src/cluster/state.js';
import type { OwnedChain } from '../../../src/plan/iptables.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { peersOf } from '../../../src/plan/peers.js';
import { plan } from '../../../src/plan/plan.js';
import { cluster, contextFor, nodeId, placeOf, port, service, task } from './fixtures.js';
import { verdictOf, type Packet } from './packets.js';

const nodes: ClusterNode[] = [1, 2, 3].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true }));
const numbers = fc.constantFrom(53, 80, 81, 8080, 8081);

/** Up to four services, their ports from a handful of numbers so that they meet, their tasks on any of three nodes. */
const anyState: fc.Arbitrary<ClusterState> = fc
  .array(
    fc.record({
      ports: fc.array(fc.record({ protocol: fc.constantFrom(...protocols), published: numbers, target: numbers, publishedBy: fc.constantFrom('swarm' as const, 'label' as const) }), { maxLength: 3 }),
      tasks: fc.array(fc.constantFrom('node1', 'node2', 'node3', 'a node that nobody knows'), { maxLength: 4 }),
    }),
    { maxLength: 4 },
  )
  .map((services) =>
    cluster({
      nodes,
      services: services.map(({ ports }, index) => service(`s${index}`, ports.map(({ published, target, ...more }) => port(published, target, more)))),
      tasks: services.flatMap(({ tasks }, index) =>
        tasks.map((on, slot): Task => task(`s${index}`, slot, { nodeId: on, identity: { address: `10.0.${index}.${slot + 2}`, prefixLength: 16 } })),
      ),
    }),
  );

function planned(state: ClusterState): NodePlan {
  return plan(state, contextFor(state, { localTasks: new Map([...contextFor(state).localTasks].filter(([id]) => state.tasks.some((each) => each.id === id && each.nodeId === nodeId))) }));
}

function forwarding(result: NodePlan): OwnedChain {
  const chain = placeOf(result, 'fabric').iptables.chains.find((each) => each.table === 'filter' && each.chain === 'FORWARD');
  if (chain === undefined) throw new Error('the fabric forwards without rules');
  return chain;
}

/** Packets that could mean something: between addresses and devices that there are, and a few that there are not. */
function anyPacket(state: ClusterState, result: NodePlan): fc.Arbitrary<Packet> {
  const addresses = fc.constantFrom('203.0.113.9', '100.104.56.11', '100.104.56.12', '100.104.56.13', '100.104.56.99', ...state.tasks.map(({ identity }) => identity.address));
  const devices = fc.constantFrom('stranger0', ...placeOf(result, 'fabric').links.map(({ name }) => name));
  const anything: fc.Arbitrary<Packet> = fc.record({
    source: addresses,
    destination: addresses,
    inputDevice: devices,
    outputDevice: devices,
    protocol: fc.constantFrom(...protocols, 'icmp'),
    port: numbers,
    icmpType: fc.constantFrom(0, 3, 8),
    state: fc.constantFrom('NEW' as const, 'INVALID' as const),
    mark: fc.constantFrom(0, 0x10000, ...peersOf(state, nodeId).peers.map(({ number }) => number)),
  });
  // Most of all that is one thing off: packets to backends that differ in a field or two from what is let in.
  const routes = new Map(placeOf(result, 'fabric').routes.map(({ destination, device }) => [destination, device]));
  const served = result.ports.flatMap(({ protocol, backends }) =>
    backends.map(({ address, port: number }) => ({ protocol, destination: address, port: number, outputDevice: routes.get(`${address}/32`) ?? 'none' })),
  );
  if (served.length === 0) return anything;
  const entrances = fc.constantFrom('sbox0', 'vxlan0');
  const nearly = fc.tuple(anything, fc.constantFrom(...served), entrances, fc.constantFrom(null, 'protocol', 'destination', 'port', 'outputDevice', 'inputDevice'))
    .map(([packet, backend, inputDevice, off]): Packet => ({ ...packet, ...backend, inputDevice, ...(off === null ? {} : { [off]: packet[off] }) }));
  return fc.oneof(anything, nearly, nearly);
}

/** What the documentation promises, without a look at any rule. */
function mayPass(packet: Packet, state: ClusterState, result: NodePlan): boolean {
  const isProbe =
    packet.protocol === 'icmp' && packet.icmpType === 8 &&
    ((packet.inputDevice === 'sbox0' && packet.outputDevice === 'vxlan0' && packet.source === '100.104.56.11') ||
      (packet.inputDevice === 'vxlan0' && packet.outputDevice.startsWith('task-') && packet.source.startsWith('100.104.') && (packet.mark & 0xffff) !== 0) ||
      (packet.inputDevice === 'vxlan0' && packet.outputDevice === 'sbox0' && packet.destination === '100.104.56.11' && ['100.104.56.12', '100.104.56.13'].includes(packet.source)));
  if (isProbe) return true;
  const backend = result.ports
    .filter(({ protocol }) => protocol === packet.protocol)
    .flatMap(({ backends }) => backends)
    .find(({ address, port: number }) => address === packet.destination && number === packet.port);
  if (backend === undefined) return false;
  const route = placeOf(result, 'fabric').routes.find(({ destination }) => destination === `${packet.destination}/32`);
  if (packet.outputDevice !== route?.device) return false;
  const isFromPeer = packet.inputDevice === 'vxlan0' && (packet.mark & 0xffff) !== 0;
  return packet.inputDevice === 'sbox0' || (isFromPeer && state.tasks.some(({ id, nodeId: on }) => id === backend.taskId && on === nodeId));
}

describe('the fabric of any cluster', () => {
  it('lets a new packet pass exactly where it is promised: to published ports, from the sandbox and known peers', () => {
    fc.assert(
      fc.property(anyState.chain((state) => {
        const result = planned(state);
        return fc.record({ state: fc.constant(state), result: fc.constant(result), packets: fc.array(anyPacket(state, result), { minLength: 20, maxLength: 60 }) });
      }), ({ state, result, packets }) => {
        const chain = forwarding(result);
        for (const packet of packets) expect({ packet, verdict: verdictOf(chain, packet) }).toEqual({ packet, verdict: mayPass(packet, state, result) ? 'ACCEPT' : 'DROP' });
      }),
    );
  });

  it('lets every packet pass that a client sends to a port that is served: on its way in, at the peer, and nothing in between missing', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const here = planned(state);
        for (const { protocol, backends } of here.ports) {
          for (const { address, port: number, nodeId: on } of backends) {
            const device = placeOf(here, 'fabric').routes.find(({ destination }) => destination === `${address}/32`)?.device ?? 'none';
            const packet: Packet = { source: '203.0.113.9', destination: address, inputDevice: 'sbox0', outputDevice: device, protocol, port: number, icmpType: null, state: 'NEW', mark: 0 };
            expect(verdictOf(forwarding(here), packet)).toBe('ACCEPT');
            if (on === nodeId) continue;
            const own = new Map([...contextFor(state).localTasks].filter(([id]) => state.tasks.some((each) => each.id === id && each.nodeId === on)));
            const there = plan(state, contextFor(state, { nodeId: on, localTasks: own }));
            const cable = placeOf(there, 'fabric').routes.find(({ destination }) => destination === `${address}/32`)?.device ?? 'none';
            const mark = peersOf(state, on).peers.find(({ id }) => id === nodeId)?.number ?? 0;
            expect(verdictOf(forwarding(there), { ...packet, inputDevice: 'vxlan0', outputDevice: cable, mark })).toBe('ACCEPT');
          }
        }
      }),
    );
  });

  it('lets no task begin anything, and nothing go from peer to peer', () => {
    fc.assert(
      fc.property(anyState.chain((state) => {
        const result = planned(state);
        return fc.record({ result: fc.constant(result), packet: anyPacket(state, result) });
      }), ({ result, packet }) => {
        const chain = forwarding(result);
        for (const { name } of placeOf(result, 'fabric').links.filter(({ name: each }) => each.startsWith('task-'))) expect(verdictOf(chain, { ...packet, inputDevice: name })).toBe('DROP');
        expect(verdictOf(chain, { ...packet, inputDevice: 'vxlan0', outputDevice: 'vxlan0' })).toBe('DROP');
      }),
    );
  });
});

describe('a peer that leaves', () => {
  it('changes nothing of what is programmed for the others', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const left = { ...state, nodes: nodes.slice(0, 2), tasks: state.tasks.filter(({ nodeId: on }) => on !== 'node3') };
        const [before, after] = [placeOf(planned(state), 'fabric'), placeOf(planned(left), 'fabric')];
        for (const kind of ['links', 'addresses', 'neighbours', 'forwarding', 'routes', 'rules'] as const) {
          const known = new Set(before[kind].map((each) => JSON.stringify(each)));
          for (const each of after[kind]) expect(known).toContain(JSON.stringify(each));
        }
      }),
    );
  });
});
