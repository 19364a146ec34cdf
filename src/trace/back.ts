/** The answer's way: from the fabric to the sandbox that took the connection, to the host, to the client. */
import type { FabricExit } from './fabric.js';
import { passForwarding } from './forwarding.js';
import { passHook } from './hook.js';
import type { Entry, HostExit } from './host.js';
import { passRoute } from './leaving.js';
import type { Observation, SeenPlace } from './observation.js';
import { answering } from './packet.js';
import type { Way } from './way.js';

/** What the request was in each place, as it left it. */
export interface Request {
  readonly entry: Entry;
  readonly host: HostExit;
  readonly fabric: FabricExit;
}

/** The answer of one real server, which stands for those of all: they share this way. True where it reaches the client. */
export function wayBack(way: Way, seen: Observation, sandbox: SeenPlace, fabric: SeenPlace, request: Request): boolean {
  return toSandbox(way, seen, sandbox, fabric, request) && toHost(way, seen, sandbox, request) && toClient(way, seen, request);
}

function toSandbox(way: Way, seen: Observation, sandbox: SeenPlace, fabric: SeenPlace, { fabric: { packet, departure, entrance } }: Request): boolean {
  const reply = answering(packet, { source: packet.destination, sourcePort: packet.destinationPort, destination: packet.source, destinationPort: packet.sourcePort }, departure.device.name, null);
  const arrived = passHook(way, seen, fabric, reply, { hook: 'PREROUTING', told: [] });
  if (arrived === null) return false;
  const leaving = passRoute(way, seen, fabric, arrived, { towards: `by the cable to ${sandbox.name}`, isRight: ({ name }) => name === entrance });
  return leaving !== null && passHook(way, seen, fabric, { ...arrived, outputDevice: entrance }, { hook: 'FORWARD', told: [] }) !== null;
}

/** Connection tracking has put the client's address back where the request's source was translated. */
function toHost(way: Way, seen: Observation, sandbox: SeenPlace, { host: { packet, sandboxDevice }, fabric }: Request): boolean {
  const [identity, target] = [fabric.packet.destination, fabric.packet.destinationPort];
  const comesFrom = sandbox.network.devices.find(({ peer }) => peer?.place === 'fabric' && peer.device === fabric.entrance)?.name;
  const reply = answering(packet, { source: identity, sourcePort: target, destination: packet.source, destinationPort: packet.sourcePort }, comesFrom, null);
  const arrived = passHook(way, seen, sandbox, reply, { hook: 'PREROUTING', told: [] });
  if (arrived === null || !passForwarding(way, seen, sandbox)) return false;
  const leaving = passRoute(way, seen, sandbox, arrived, { towards: 'by the cable to the host', isRight: ({ name }) => name === sandboxDevice });
  return leaving !== null && passHook(way, seen, sandbox, { ...arrived, outputDevice: sandboxDevice }, { hook: 'FORWARD', told: [] }) !== null;
}

/** From the sandbox's address still: the host's nat has its say behind the last filter. */
function toClient(way: Way, seen: Observation, { entry, host: { packet } }: Request): boolean {
  const { host, settings } = seen;
  const { source: client, sourcePort } = entry.packet;
  const reply = answering(packet, { source: packet.destination, sourcePort: packet.destinationPort, destination: client, destinationPort: sourcePort }, settings.names.gatewayBridge, null);
  const arrived = passHook(way, seen, host, reply, { hook: 'PREROUTING', told: [] });
  if (arrived === null) return false;
  if (entry.isOwn) return passHook(way, seen, host, arrived, { hook: 'INPUT', told: [] }) !== null;
  const leaving = passRoute(way, seen, host, arrived, { towards: 'to the client', isRight: ({ name }) => name !== settings.names.gatewayBridge });
  return leaving !== null && passHook(way, seen, host, { ...arrived, outputDevice: leaving.device.name }, { hook: 'FORWARD', told: ['filter'] }) !== null;
}
