/**
 * A node as a trace reads it: the network objects as planned, iptables as iptables-save printed it. h1 serves web (tcp/8080:
 * web.1 here, web.2 on h2) and dns (udp/53, snat: dns.3 here); tests break one thing of it.
 */
import type { Rule } from '../../../native/index.js';
import { parseIptablesSave } from '../../../src/kernel/iptables/document.js';
import { subnetOf } from '../../../src/plan/addresses.js';
import type { PlacePlan } from '../../../src/plan/node-plan.js';
import type { Link, RoutingRule } from '../../../src/plan/objects.js';
import { plan } from '../../../src/plan/plan.js';
import { protocolNumbers } from '../../../src/plan/fwmark.js';
import { defaultSettings } from '../../../src/settings.js';
import type { Observation, SeenDevice, SeenNetwork, SeenPlace, SeenRoute, SeenTask, SeenVirtualService } from '../../../src/trace/observation.js';
import { cluster, contextFor, placeOf, port, service, task } from '../plan/fixtures.js';
import { besideOlderDocker, fabricRules, sandboxRules } from './samples.js';

export const state = cluster({
  nodes: [
    { id: 'node1', name: 'h1', address: '192.168.56.11', ready: true },
    { id: 'node2', name: 'h2', address: '192.168.56.12', ready: true },
  ],
  services: [service('dns', [port(53, 5353, { protocol: 'udp', publishedBy: 'label', policy: { sourceAddress: 'snat' } })]), service('web', [port(8080, 80)])],
  tasks: [task('dns', 3), task('web', 1), task('web', 2, { nodeId: 'node2' })],
});
const planned = plan(state, contextFor(state));

/** Every part may be replaced; `host`, `sandbox` and `fabric` are iptables-save's text. */
export function node(parts: Partial<Omit<Observation, 'host' | 'sandbox' | 'fabric'>> & { host?: string; sandbox?: string; fabric?: string } = {}): Observation {
  const { host = besideOlderDocker, sandbox = sandboxRules, fabric = fabricRules, ...more } = parts;
  return {
    settings: defaultSettings,
    host: placeSeen('host', [], host, networkOf(placeOf(planned, 'host'), hostsOwn)),
    sandbox: placeSeen('sandbox', ['ip', 'netns', 'exec', 'mesh_sbox'], sandbox),
    fabric: placeSeen('fabric', ['ip', 'netns', 'exec', 'mesh_fabric'], fabric),
    tasks: planned.places.filter(({ place }) => place.startsWith('task:')).map(taskSeen),
    ipvs: virtualServices(),
    programs: [],
    controller: 4711,
    cluster: state,
    ...more,
  };
}

/** The same with a place's network changed. */
export function withNetwork(seen: Observation, place: 'host' | 'sandbox' | 'fabric', change: (network: SeenNetwork) => Partial<SeenNetwork>): Observation {
  const old = seen[place];
  if (old === null) throw new Error(`there is no ${place}`);
  return { ...seen, [place]: { ...old, network: { ...old.network, ...change(old.network) } } };
}

export function virtualServices(weights: readonly number[] = [1, 1]): SeenVirtualService[] {
  return placeOf(planned, 'sandbox').virtualServices.map(({ fwmark, scheduler, affinitySeconds, onePacket, destinations }) => ({
    key: { kind: 'fwmark', family: 'inet', fwmark },
    scheduler,
    persistenceSeconds: affinitySeconds,
    onePacket,
    connections: 12n,
    servers: destinations.map(({ address, port: number }, index) => ({ address, port: number, weight: weights[index] ?? 1, active: 3, inactive: 1 })),
  }));
}

/** What the plan says nothing of: the cable to the world, dockerd's bridge. */
const hostsOwn: Partial<SeenNetwork> = {
  devices: [device('eth0', { mac: '02:00:00:00:00:11' }), device('docker_gwbridge', { kind: 'bridge' })],
  addresses: [
    { device: 'eth0', address: '192.168.56.11', prefixLength: 24 },
    { device: 'docker_gwbridge', address: '172.18.0.1', prefixLength: 16 },
  ],
  routes: [{ destination: '0.0.0.0/0', table: 254, type: 'unicast', device: 'eth0', via: '192.168.56.1', metric: 0 }],
};

function placeSeen(place: 'host' | 'sandbox' | 'fabric', enter: readonly string[], rules: string, network = networkOf(placeOf(planned, place))): SeenPlace {
  return { place, name: place === 'host' ? 'host' : defaultSettings.names[place], enter, network, iptables: { document: parseIptablesSave(rules), unseen: [] } };
}

function taskSeen(place: PlacePlan): SeenTask {
  const path = place.namespace?.path ?? '';
  const { address } = place.addresses[0] ?? { address: '' };
  const cable = placeOf(planned, 'fabric').links.find((link) => link.kind === 'veth' && link.peer.place === place.place)?.name ?? '';
  return {
    place: place.place,
    name: path,
    enter: ['nsenter', `--net=${path}`],
    network: networkOf(place, { devices: [device('eth0'), device('eth1')], addresses: [{ device: 'eth0', address, prefixLength: 24 }, { device: 'eth1', address: '172.18.0.9', prefixLength: 16 }], routes: [{ destination: '0.0.0.0/0', table: 254, type: 'unicast', device: 'eth1', via: '172.18.0.1', metric: 0 }] }),
    cable,
    device: 'mesh0',
    listening: new Set(['tcp/80', 'udp/5353']),
  };
}

function networkOf(place: PlacePlan, own: Partial<SeenNetwork> = {}): SeenNetwork {
  const addresses = [{ device: 'lo', address: '127.0.0.1', prefixLength: 8 }, ...(own.addresses ?? []), ...place.addresses];
  const fromAddresses = addresses.flatMap(({ device: name, address, prefixLength }): SeenRoute[] => [
    { destination: `${address}/32`, table: 255, type: 'local', device: name, via: null, metric: 0 },
    ...(prefixLength === 32 ? [] : [{ destination: subnetOf(address, prefixLength), table: name === 'lo' ? 255 : 254, type: name === 'lo' ? 'local' : 'unicast', device: name, via: null, metric: 0 }]),
  ]);
  return {
    devices: [device('lo'), ...(own.devices ?? []), ...place.links.map(deviceOf)],
    addresses,
    routes: [...fromAddresses, ...(own.routes ?? []), ...place.routes.map(({ destination, table, device: name, via }) => ({ destination, table, type: 'unicast', device: name, via: via ?? null, metric: 0 }))],
    rules: [rule({ priority: 0, table: 255 }), ...place.rules.map(rule), rule({ priority: 32766, table: 254 }), rule({ priority: 32767, table: 253 })],
    neighbours: place.neighbours.map((neighbour) => ({ ...neighbour, state: 'permanent' })),
    forwarding: place.forwarding,
    sysctls: Object.fromEntries(place.sysctls.map(({ path, value }) => [path, value])),
  };
}

function device(name: string, more: Partial<SeenDevice> = {}): SeenDevice {
  return { name, kind: '', isUp: true, isRunning: true, mac: null, master: null, peer: null, underlay: null, ...more };
}

function deviceOf(link: Link): SeenDevice {
  const isToTask = link.kind === 'veth' && link.peer.place.startsWith('task:');
  return device(link.name, {
    kind: link.kind,
    mac: link.mac,
    master: link.kind === 'veth' ? (link.master ?? null) : null,
    peer: link.kind === 'veth' && !isToTask ? { place: link.peer.place, device: link.peer.name } : null,
    underlay: link.kind === 'vxlan' ? link.underlay : null,
  });
}

function rule({ priority, table, from, mark, sourcePort, suppressPrefixLength }: RoutingRule): Rule {
  return {
    family: 'inet', priority, action: 'lookup', table, from: from === undefined ? undefined : `${from}/32`, to: undefined, inputInterface: undefined, outputInterface: undefined,
    fwmark: mark?.value, fwmask: mark?.mask, protocol: 0, suppressPrefixLength, ipProtocol: sourcePort === undefined ? undefined : protocolNumbers[sourcePort.protocol],
    sourcePorts: sourcePort === undefined ? undefined : { first: sourcePort.port, last: sourcePort.port }, destinationPorts: undefined, isInverted: false,
  };
}
