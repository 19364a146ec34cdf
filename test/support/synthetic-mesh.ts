/** Meshes of any size as the page sees them, with traffic: for tests of layout and of a real browser. */
import type { Figures, MeshEvent, MeshNode, MeshPort, MeshServer, MeshSnapshot } from '../../src/page/wire.js';

export interface MeshSize {
  readonly nodes: number;
  readonly services: number;
  /** In all. */
  readonly tasks: number;
  /** Connections per second of the busiest port; 0: no traffic. */
  readonly rate?: number;
  /** One of many tasks drains, one node of many does not answer. */
  readonly trouble?: boolean;
}

const names = ['web', 'api', 'search', 'login', 'images', 'mail', 'queue', 'metrics', 'shop', 'docs'];
const start = Date.parse('2026-01-01T12:00:00Z');

/** `second`: of a life in which connections come steadily. */
export function syntheticMesh({ nodes, services, tasks, rate = 0, trouble = false }: MeshSize, second = 0, now = start + second * 1_000): MeshSnapshot {
  const all = Array.from({ length: nodes }, (_, index) => node(index, trouble && nodes > 2 && index % 17 === 2));
  const ports = Array.from({ length: services }, (_, index) => port(index, { nodes: all, services, tasks, rate, trouble, second }));
  const silent = all.filter(({ state }) => state === 'silent');
  return {
    at: now,
    version: '0.1.0',
    node: { id: 'n0', name: 'h1' },
    sandbox: 'mesh_sbox',
    health: silent.length > 0 ? { level: 'attention', headline: `${services} published ports served, with something to look at` } : { level: 'healthy', headline: `Healthy: ${services} published ports served` },
    troubles: silent.map(({ name, address }) => ({ reason: 'PeerUnreachable', object: `node ${name}`, message: `${address} does not answer over the fabric; its tasks get no new connections from here until it does`, serious: false })),
    repairs: 3,
    nodes: all,
    ports,
  };
}

function node(index: number, isSilent: boolean): MeshNode {
  const state = index === 0 ? 'here' : isSilent ? 'silent' : 'alive';
  return { id: `n${index}`, name: `h${index + 1}`, address: `192.168.56.${11 + index}`, state, roundTripMilliseconds: state === 'alive' ? [0.3, 0.4, 0.6][index % 3] ?? null : null };
}

interface Surroundings extends Required<Omit<MeshSize, 'nodes'>> {
  readonly nodes: readonly MeshNode[];
  readonly second: number;
}

function port(index: number, around: Surroundings): MeshPort {
  const { services, tasks, nodes } = around;
  const service = `${names[index % names.length] ?? 'web'}${index < names.length ? '' : `-${Math.floor(index / names.length) + 1}`}`;
  const protocol = index % 5 === 4 ? 'udp' : 'tcp';
  const published = 8080 + index;
  const id = `${protocol}/${published}`;
  const first = Math.floor((index * tasks) / services);
  const number = Math.floor(((index + 1) * tasks) / services) - first;
  const servers = Array.from({ length: number }, (_, slot) => server(id, `${service}.${slot + 1}`, first + slot, nodes[(first + slot) % nodes.length], around, (around.rate / (1 + index)) / Math.max(1, number)));
  return { id, protocol, published, serviceId: `s${index}`, service, accepting: true, scheduler: index % 3 === 1 ? 'wlc' : 'rr', persistenceSeconds: null, servers, figures: sumOf(servers) };
}

function server(portId: string, task: string, index: number, host: MeshNode | undefined, { trouble, second }: Surroundings, rate: number): MeshServer {
  const address = `10.0.${Math.floor(index / 250)}.${5 + (index % 250)}`;
  const state = host?.state === 'silent' ? 'unreachable' : trouble && index % 11 === 4 ? 'draining' : 'serving';
  const now = state === 'serving' ? Math.round(rate * (1 + 0.4 * Math.sin(second / 5 + index))) : 0;
  return {
    id: `${portId} ${address}:80`,
    taskId: `t${index}`,
    task,
    nodeId: host?.id ?? 'n0',
    address,
    port: 80,
    weight: state === 'serving' ? 1 : 0,
    state,
    figures: {
      connections: state === 'serving' ? Math.round(rate * second) : 0,
      connectionsPerSecond: now,
      active: state === 'draining' ? 2 : Math.ceil(now / 2),
      inactive: now,
      incomingBytesPerSecond: now * 140,
      outgoingBytesPerSecond: now * 5_300,
    },
  };
}

function sumOf(servers: readonly MeshServer[]): Figures {
  const total = (name: keyof Figures): number => servers.reduce((sum, { figures }) => sum + figures[name], 0);
  return {
    connections: total('connections'),
    connectionsPerSecond: total('connectionsPerSecond'),
    active: total('active'),
    inactive: total('inactive'),
    incomingBytesPerSecond: total('incomingBytesPerSecond'),
    outgoingBytesPerSecond: total('outgoingBytesPerSecond'),
  };
}

export function syntheticEvents(now: number): MeshEvent[] {
  const event = (sequence: number, secondsAgo: number, type: MeshEvent['type'], reason: string, object: MeshEvent['object'], message: string, count = 1): MeshEvent => {
    const time = new Date(now - secondsAgo * 1_000).toISOString();
    return { sequence, type, reason, object, message, count, firstTime: time, lastTime: time };
  };
  return [
    event(1, 7_400, 'Normal', 'Started', { kind: 'controller', name: 'h1' }, 'routemesh 0.1.0 on h1 has begun'),
    event(2, 7_398, 'Normal', 'SourceReturned', { kind: 'source', name: 'docker' }, 'docker on /var/run/docker.sock answers'),
    event(3, 7_397, 'Normal', 'Programmed', { kind: 'kernel', name: 'h1' }, 'resync: 84 added, 2 changed, 0 removed'),
    event(4, 940, 'Warning', 'Repaired', { kind: 'kernel', name: 'sandbox' }, 'virtual service of mark 0x61f90 was missing, and is there again', 3),
    event(5, 312, 'Normal', 'DrainBegan', { kind: 'task', name: 'api.2' }, 'takes no new connections any more; those that it has may end'),
    event(6, 64, 'Warning', 'PeerUnreachable', { kind: 'node', name: 'h3' }, '192.168.56.13 does not answer over the fabric; its tasks get no new connections from here until it does'),
    event(7, 12, 'Normal', 'Programmed', { kind: 'kernel', name: 'h1' }, 'service event: 0 added, 2 changed, 0 removed'),
  ];
}
