/**
 * The fabric: a router between the sandbox, the node's tasks and the peers.
 *
 * sbox0  ─▶ route <identity>/32 ─▶ task-<id>, or vxlan0 ─▶ the peer's fabric
 * vxlan0 ─▶ zone and mark of the peer ─▶ task-<id>
 * task-<id> ─▶ the connection's mark ─▶ the peer that it came from, or the own sandbox
 *
 * A reply must leave by the node that took the connection, so what comes from a peer is remembered with its number:
 * as conntrack zone, so that one client port may meet a task by several nodes, and as mark, by which replies are routed.
 *
 * A way in, never a way out or across: filter FORWARD drops (and counts) all that is neither a new connection from the
 * sandbox or a known peer to a published port of a task nor part of one.
 */
import type { ClusterNode, Ipv4Address, Task } from '../cluster/state.js';
import { fabricGateway, fabricGatewayMac, macOf, routerAddress, routerAddresses } from './addresses.js';
import type { PlanContext } from './context.js';
import { anyFabricTaskDevice, fabricPeerDevice, fabricSandboxDevice, fabricTaskDevice, sandboxFabricDevice, taskDevice, vxlan } from './devices.js';
import type { IptablesPlan, RuleWords } from './iptables.js';
import type { PlanMemory } from './memory.js';
import type { PlacePlan } from './node-plan.js';
import type { Route, VethLink, VxlanLink } from './objects.js';
import type { Peer } from './peers.js';
import { deviceSysctls, mainTable, placePlan, routerSysctls } from './place.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';
import { noSets, planTargetSets, targetsSetName, tasksSetName } from './sets.js';
import { taskMac } from './task.js';

/** Chain of ours that tells peers apart, in the fabric's raw and mangle tables. */
const peersChain = 'MESH-PEERS';
/** Of a connection's and a packet's mark, the bits that hold a peer's number. */
const numberMask = 0xffff;
/** Of the rules by which replies find their peer: before the main table's 32766. */
const peerRulePriority = 100;

export interface FabricTasks {
  /** Of this node, each with its cable. */
  readonly local: readonly Task[];
  /** The same, and those whose cables can't be laid yet. */
  readonly own: readonly Task[];
  /** Of peers. */
  readonly remote: readonly Task[];
  /** Whether endpoints are matched by sets, or rule by rule. */
  readonly bySets: boolean;
}

/** MTU in bytes of everything inside of the fabric: what still fits into the underlay with VXLAN's header around it. */
export function fabricMtu({ underlayMtu }: PlanContext): number {
  return underlayMtu - vxlan.overhead;
}

/** `ports`: of those that lead to the same port of the same tasks, one. */
export function planFabric(memory: PlanMemory, context: PlanContext, node: ClusterNode, tasks: FabricTasks, peers: readonly Peer[], ports: readonly PlannedPort[]): PlacePlan {
  const mtu = fabricMtu(context);
  const router = routerAddress(node.address);
  const { local, own, bySets } = tasks;
  const ownDevices = memory.value('fabric devices', [node, mtu, peers], () => fabricDevices(node, router, mtu, peers));
  return placePlan({
    place: 'fabric',
    namespace: { path: `/run/netns/${context.settings.names.fabric}`, named: true },
    links: memory.join('fabric links', ownDevices.links, memory.map('cables', local, [mtu], (task) => cableTo(task, mtu))),
    // The fabric needs an address to send ICMP errors from ("fragmentation needed").
    addresses: ownDevices.addresses,
    neighbours: memory.join(
      'fabric neighbours',
      ownDevices.neighbours,
      memory.map('local neighbours', local, [], (task) => ({ device: fabricTaskDevice(task.id), address: task.identity.address, mac: taskMac(task) })),
    ),
    forwarding: ownDevices.forwarding,
    routes: memory.join('fabric routes', ownDevices.routes, ...routesToTasks(memory, tasks, peers)),
    rules: ownDevices.rules,
    sysctls: memory.join('fabric sysctls', ownDevices.sysctls, memory.flatMap('cable sysctls', local, [], (task) => deviceSysctls(fabricTaskDevice(task.id)))),
    sets: bySets ? planTargetSets(memory, own, ports, peers.length > 0) : noSets,
    iptables: planFabricRules(memory, node.id, router, tasks, peers, ports),
  });
}

type FabricDevices = Pick<PlacePlan, 'links' | 'addresses' | 'neighbours' | 'forwarding' | 'routes' | 'rules' | 'sysctls'>;

/** All that is there whatever tasks there are. */
function fabricDevices(node: ClusterNode, router: Ipv4Address, mtu: number, peers: readonly Peer[]): FabricDevices {
  const hasPeers = peers.length > 0;
  return {
    links: [
      { kind: 'veth', name: fabricSandboxDevice, mac: fabricGatewayMac, mtu, peer: { place: 'sandbox', name: sandboxFabricDevice }, owner: true },
      ...(hasPeers ? [vxlanOf(node, router, mtu)] : []),
    ],
    addresses: [{ device: 'lo', address: fabricGateway, prefixLength: 32 }],
    neighbours: [
      { device: fabricSandboxDevice, address: router, mac: macOf(router, 'sandbox') },
      ...peers.map((peer) => ({ device: fabricPeerDevice, address: peer.router, mac: peer.mac })),
    ],
    forwarding: peers.map((peer) => ({ device: fabricPeerDevice, mac: peer.mac, destination: peer.address })),
    routes: [
      { destination: `${router}/32`, table: mainTable, device: fabricSandboxDevice },
      { destination: '0.0.0.0/0', table: mainTable, device: fabricSandboxDevice, via: router, onlink: true },
      ...peers.flatMap((peer) => [
        { destination: `${peer.router}/32`, table: mainTable, device: fabricPeerDevice },
        { destination: '0.0.0.0/0', table: peer.number, device: fabricPeerDevice, via: peer.router, onlink: true },
      ]),
    ],
    rules: peers.map((peer) => ({ priority: peerRulePriority, mark: { value: peer.number, mask: numberMask }, table: peer.number })),
    sysctls: routerSysctls([fabricSandboxDevice, ...(hasPeers ? [fabricPeerDevice] : [])]),
  };
}

function cableTo(task: Task, mtu: number): VethLink {
  return { kind: 'veth', name: fabricTaskDevice(task.id), mac: fabricGatewayMac, mtu, peer: { place: `task:${task.id}`, name: taskDevice }, owner: true };
}

function routesToTasks(memory: PlanMemory, { local, remote }: FabricTasks, peers: readonly Peer[]): (readonly Route[])[] {
  const peerById = memory.value('peers by id', [peers], () => new Map(peers.map((peer) => [peer.id, peer])));
  return [
    memory.map('routes to local tasks', local, [], (task) => ({ destination: `${task.identity.address}/32`, table: mainTable, device: fabricTaskDevice(task.id) })),
    memory.flatMap('routes to remote tasks', remote, [peerById], (task) => {
      const peer = peerById.get(task.nodeId);
      return peer === undefined ? [] : [{ destination: `${task.identity.address}/32`, table: mainTable, device: fabricPeerDevice, via: peer.router, onlink: true }];
    }),
  ];
}

function vxlanOf(node: ClusterNode, router: Ipv4Address, mtu: number): VxlanLink {
  return { kind: 'vxlan', name: fabricPeerDevice, mac: macOf(router, 'vxlan'), mtu, id: vxlan.id, port: vxlan.port, local: node.address, underlay: 'host' };
}

/**
 * What is asked of each task and endpoint, rule by rule or of their sets.
 *
 * `requests`: what is addressed to a task of this node is a request. A peer's replies are addressed to clients; they stay
 * in the connection that this node's sandbox began.
 */
function endpointRules(memory: PlanMemory, nodeId: string, { own, bySets }: FabricTasks, hasPeers: boolean, ports: readonly PlannedPort[]): { readonly requests: readonly RuleWords[]; readonly admissions: readonly RuleWords[] } {
  if (bySets) {
    memory.forget('requests', 'admissions');
    return memory.value('fabric set rules', [hasPeers], () => setRules(hasPeers));
  }
  return {
    requests: memory.flatMap('requests', own, [hasPeers], (task) => (hasPeers ? [rules.sortOutPeers(fabricPeerDevice, task.identity.address, peersChain)] : [])),
    admissions: memory.flatMap('admissions', ports, [nodeId, hasPeers], (port) => admissionsOf(port, nodeId, hasPeers)),
  };
}

/** The routes say which device an endpoint of the set is behind: the rules, only whether it is a task's or the peers'. */
function setRules(hasPeers: boolean): { readonly requests: readonly RuleWords[]; readonly admissions: readonly RuleWords[] } {
  const toTasks = rules.admitSet(fabricSandboxDevice, anyFabricTaskDevice, targetsSetName);
  if (!hasPeers) return { requests: [], admissions: [toTasks] };
  return {
    requests: [rules.sortOutPeersOfSet(fabricPeerDevice, tasksSetName, peersChain)],
    admissions: [
      toTasks,
      rules.admitSet(fabricSandboxDevice, fabricPeerDevice, targetsSetName),
      rules.admitSetFromPeer(fabricPeerDevice, anyFabricTaskDevice, targetsSetName, numberMask),
    ],
  };
}

function planFabricRules(memory: PlanMemory, nodeId: string, router: Ipv4Address, tasks: FabricTasks, peers: readonly Peer[], ports: readonly PlannedPort[]): IptablesPlan {
  const hasPeers = peers.length > 0;
  const { requests, admissions } = endpointRules(memory, nodeId, tasks, hasPeers, ports);
  const known = memory.value('fabric known', [router, peers], () => [rules.acceptKnown(), ...(hasPeers ? probes(router, peers) : [])]);
  return memory.value('fabric rules', [router, peers, requests, known, admissions], () => ({
    chains: [
      { table: 'raw', chain: 'PREROUTING', policy: 'ACCEPT', rules: requests },
      { table: 'mangle', chain: 'PREROUTING', policy: 'ACCEPT', rules: hasPeers ? [rules.sortOutNewFromPeers(fabricPeerDevice, peersChain), rules.restorePeer(anyFabricTaskDevice, numberMask)] : [] },
      ...(hasPeers
        ? [
            { table: 'raw' as const, chain: peersChain, rules: peers.map((peer) => rules.zoneOfPeer(peer.mac, peer.number)) },
            { table: 'mangle' as const, chain: peersChain, rules: peers.map((peer) => rules.rememberPeer(peer.mac, peer.number, numberMask)) },
          ]
        : []),
      { table: 'filter', chain: 'INPUT', policy: 'DROP', rules: [] },
      { table: 'filter', chain: 'FORWARD', policy: 'DROP', rules: memory.join('forwarding', known, admissions) },
      { table: 'filter', chain: 'OUTPUT', policy: 'DROP', rules: [rules.acceptKnown()] },
      // Without a nat table connection tracking can't pick another source port when one client port meets a task twice.
      { table: 'nat', chain: 'PREROUTING', policy: 'ACCEPT', rules: [] },
    ],
    guests: [],
  }));
}

/** Nodes ask each other's sandboxes and tasks whether they are there, on the way that traffic takes. */
function probes(router: Ipv4Address, peers: readonly Peer[]): RuleWords[] {
  return [
    rules.letProbesOut(router, fabricSandboxDevice, fabricPeerDevice),
    rules.admitProbeOfTask(routerAddresses, fabricPeerDevice, anyFabricTaskDevice, numberMask),
    ...peers.map((peer) => rules.admitProbe(peer.router, fabricPeerDevice, router, fabricSandboxDevice)),
  ];
}

function admissionsOf(port: PlannedPort, nodeId: string, hasPeers: boolean): RuleWords[] {
  return port.endpoints.flatMap((endpoint) => {
    if (endpoint.nodeId !== nodeId) return [rules.admit(fabricSandboxDevice, endpoint.address, fabricPeerDevice, port.protocol, endpoint.port)];
    const device = fabricTaskDevice(endpoint.taskId);
    return [
      rules.admit(fabricSandboxDevice, endpoint.address, device, port.protocol, endpoint.port),
      ...(hasPeers ? [rules.admitFromPeer(fabricPeerDevice, endpoint.address, device, port.protocol, endpoint.port, numberMask)] : []),
    ];
  });
}
