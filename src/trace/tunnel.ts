/** To another node: a peer's router address, its hardware address, the node behind that, and the host's way to it. */
import type { ClusterNode } from '../cluster/state.js';
import { vxlan } from '../plan/devices.js';
import { portKey } from '../plan/fwmark.js';
import type { FabricExit } from './fabric.js';
import type { End, Hop } from './hop.js';
import { addressOf, passHook } from './hook.js';
import { passRoute } from './leaving.js';
import type { Observation, SeenDevice, SeenPlace } from './observation.js';
import { arriving, clientPort } from './packet.js';
import { byController } from './repair.js';
import type { TraceRequest } from './request.js';
import type { Way } from './way.js';
import { command } from './words.js';

/** A VXLAN's entry for whoever has none. */
const anybody = '00:00:00:00:00:00';

/** `who`: the real server, for people. True where it leaves this node. */
export function throughTunnel(way: Way, seen: Observation, request: TraceRequest, fabric: SeenPlace, exit: FabricExit, who: string): boolean {
  const { device, nextHop } = exit.departure;
  const address = nodeBehind(way, seen, fabric, device, nextHop);
  if (address === null || !overUnderlay(way, seen, fabric, device, address)) return false;
  const node = nodeAt(seen, address);
  way.pass({
    place: 'peer',
    name: node?.name ?? address,
    step: 'node',
    what: `goes on to ${who}; ask that node for the rest`,
    notes: node?.ready === false ? [`${node.name} is down, as far as is saved on this node`] : [],
    commands: [`routemesh trace ${portKey(request.protocol, request.port)}`],
  });
  return true;
}

export function nodeAt({ cluster }: Pick<Observation, 'cluster'>, address: string): ClusterNode | undefined {
  return cluster?.nodes.find((node) => node.address === address);
}

/** The node's address on the underlay; null where nobody wrote down who is where: nothing is asked for over the tunnel. */
function nodeBehind(way: Way, seen: Observation, fabric: SeenPlace, device: SeenDevice, router: string): string | null {
  const { neighbours, forwarding } = fabric.network;
  const common = { place: 'fabric', name: fabric.name } as const;
  const step = (hop: Pick<Hop, 'step' | 'what' | 'commands'>, end: End | null): void => {
    if (end === null) way.pass({ ...common, ...hop });
    else way.end({ ...common, ...hop }, end);
  };
  const remedy = byController(seen);
  if (!device.isRunning) {
    step({ step: 'cable', what: `leaves by ${device.name}`, commands: [command(fabric, 'ip', '-d', 'link', 'show', device.name)] }, { why: `${device.name} is down`, remedy });
    return null;
  }
  const mac = neighbours.find((each) => each.device === device.name && each.address === router)?.mac ?? null;
  step(
    { step: 'neighbour', what: `${router} is ${mac ?? 'unknown'}`, commands: [command(fabric, 'ip', 'neigh', 'show', 'dev', device.name)] },
    mac === null ? { why: `the neighbour entry of the peer’s router address ${router} is missing, and nobody answers who asks over the tunnel`, remedy } : null,
  );
  if (mac === null) return null;
  const entry = forwarding.find((each) => each.device === device.name && each.mac === mac) ?? forwarding.find((each) => each.device === device.name && each.mac === anybody);
  step(
    { step: 'fdb', what: `${mac} is behind ${entry?.destination ?? 'no node'}`, commands: [command(fabric, 'bridge', 'fdb', 'show', 'dev', device.name)] },
    entry === undefined ? { why: `the forwarding entry of ${mac} is missing: ${device.name} does not know which node that is`, remedy } : null,
  );
  return entry?.destination ?? null;
}

/** What carries the tunnel is sent by the host itself, through its own firewall. */
function overUnderlay(way: Way, seen: Observation, fabric: SeenPlace, device: SeenDevice, node: string): boolean {
  const { host } = seen;
  const carrier = arriving('udp', { source: '0.0.0.0', sourcePort: clientPort, destination: node, destinationPort: vxlan.port }, null);
  if (device.underlay !== 'host') {
    way.end(
      { place: 'fabric', name: fabric.name, step: 'tunnel', what: `leaves by ${device.name}`, commands: [command(fabric, 'ip', '-d', 'link', 'show', device.name)] },
      { why: `the tunnel’s UDP socket is not in the host’s network namespace`, remedy: byController(seen) },
    );
    return false;
  }
  const departure = passRoute(way, seen, host, carrier, { towards: 'over the network between the nodes', isRight: ({ name, master }) => name !== 'lo' && master === null, step: 'tunnel' });
  if (departure === null) return false;
  const { name } = departure.device;
  return passHook(way, seen, host, { ...carrier, source: addressOf(host, name) ?? carrier.source, outputDevice: name }, { hook: 'OUTPUT', told: [] }) !== null;
}
