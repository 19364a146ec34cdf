/**
 * The other nodes, as this node's fabric knows them. All of it follows from the cluster state: no allocator, no store,
 * and a peer that comes or goes changes nothing about the others.
 */
import type { Condition } from '../cluster/condition.js';
import { byId } from '../cluster/sorting.js';
import type { ClusterNode, ClusterState, Ipv4Address } from '../cluster/state.js';
import { ipv4ToNumber, macOf, routerAddress } from './addresses.js';
import type { MacAddress } from './objects.js';

export interface Peer {
  readonly id: string;
  readonly name: string;
  /** On the underlay. */
  readonly address: Ipv4Address;
  /** Of its sandbox, on the fabric. */
  readonly router: Ipv4Address;
  /** Of its end of the VXLAN. */
  readonly mac: MacAddress;
  /** Conntrack zone, mark and routing table of what came from it: one number for all three, of meaning on this node only. */
  readonly number: number;
}

export interface Peers {
  /** Sorted by node id. Empty for a node that stays out of the fabric. */
  readonly peers: readonly Peer[];
  readonly conditions: readonly Condition[];
}

/** Below are the routing tables that the kernel keeps for itself (253 to 255). */
const firstNumber = 256;
const lastNumber = 0xffff;

export function peersOf(state: ClusterState, nodeId: string): Peers {
  const groups = new Map<Ipv4Address, ClusterNode[]>();
  for (const node of state.nodes) {
    const router = routerAddress(node.address);
    groups.set(router, [...(groups.get(router) ?? []), node]);
  }
  // Every node sorts alike, so all agree on which of two nodes with one router address is in the fabric.
  const contenders = [...groups].map(([router, nodes]) => ({ router, nodes: withoutGhosts([...nodes].sort(byId)) }));
  const members = contenders.flatMap(({ nodes }) => nodes.slice(0, 1));
  const isMember = members.some(({ id }) => id === nodeId);
  return {
    peers: isMember ? numbered(members.filter(({ id }) => id !== nodeId).sort(byId)) : [],
    conditions: contenders.flatMap(({ router, nodes }) => (nodes.length > 1 ? collisions(router, nodes) : [])),
  };
}

/**
 * A machine that left the Swarm and joined again is listed twice, until somebody removes the old entry: at one address,
 * the old entry down. That is no collision; only who lives there counts.
 */
function withoutGhosts(nodes: readonly ClusterNode[]): ClusterNode[] {
  return nodes.filter((node, index) => node.ready || !nodes.some((other, at) => other.address === node.address && (other.ready || at < index)));
}

/** The low 16 bits of the router address; where that is taken, or too low, the next free one. */
function numbered(nodes: readonly ClusterNode[]): Peer[] {
  const taken = new Set<number>();
  return nodes.map(({ id, name, address }) => {
    const router = routerAddress(address);
    let number = ipv4ToNumber(router) & lastNumber;
    while (number < firstNumber || taken.has(number)) number = number >= lastNumber ? firstNumber : number + 1;
    taken.add(number);
    return { id, name, address, router, mac: macOf(router, 'vxlan'), number };
  });
}

function collisions(router: Ipv4Address, nodes: readonly ClusterNode[]): Condition[] {
  const [kept] = nodes;
  const names = nodes.map(({ name, address }) => `${name} (${address})`).join(' and ');
  return nodes.map((node) => ({
    reason: 'RouterAddressCollision',
    object: { kind: 'node', id: node.id, name: node.name },
    message: `${names} would both be ${router} on the fabric: the low 22 bits of their addresses are the same; ${
      node === kept ? 'this one is in it, the other serves its own tasks only' : `this one serves its own tasks only, ${kept?.name ?? 'the other'} is in it`
    }. Give one of them another address of its own with \`docker node update --label-add routemesh.address=…\``,
  }));
}
