/** The host: nat sends the packet over the gateway bridge to the sandbox, filter lets it pass. */
import type { Ipv4Address } from '../cluster/state.js';
import { ownerOf } from './blame.js';
import { passForwarding, passSetting } from './forwarding.js';
import { addressOf, passHook, surroundingsOf } from './hook.js';
import { passCable, passRoute } from './leaving.js';
import type { Observation } from './observation.js';
import { arriving, clientPort, type Packet } from './packet.js';
import { whyNotTaken } from './publication.js';
import { byController } from './repair.js';
import type { TraceRequest } from './request.js';
import { routed } from './routing.js';
import type { Way } from './way.js';
import { command } from './words.js';

/** How the client's packet comes to this node. */
export interface Entry {
  readonly packet: Packet;
  /** It is made on this node: nat's OUTPUT is asked and not PREROUTING, and filter's OUTPUT and not FORWARD. */
  readonly isOwn: boolean;
}

/** As it leaves the host. */
export interface HostExit {
  readonly packet: Packet;
  /** The sandbox's end of the cable to the host. */
  readonly sandboxDevice: string;
}

/** By the device that the client is routed to, for the first address on it: the way that its answers take. */
export function entryOf({ host }: Pick<Observation, 'host'>, { protocol, port, client }: TraceRequest): Entry {
  const isOwn = surroundingsOf(host).isLocal(client);
  const addressed = (destination: Ipv4Address, device: Packet['inputDevice']): Packet =>
    arriving(protocol, { source: client, sourcePort: clientPort, destination, destinationPort: port }, device);
  if (isOwn) return { packet: { ...addressed(client, null), outputDevice: 'lo' }, isOwn };
  const question = { ...addressed(client, null), source: '0.0.0.0' };
  const found = routed(host.network, question);
  const device = found.type === 'route' ? (found.route.device ?? undefined) : undefined;
  const own = host.network.addresses.find(({ address }) => !address.startsWith('127.'))?.address;
  return { packet: addressed(addressOf(host, device) ?? own ?? client, device), isOwn };
}

/** Null where it ends. */
export function throughHost(way: Way, seen: Observation, request: TraceRequest, entry: Entry): HostExit | null {
  const { host } = seen;
  const translated = passHook(way, seen, host, entry.packet, {
    hook: entry.isOwn ? 'OUTPUT' : 'PREROUTING',
    told: ['nat', ...(entry.isOwn ? ['filter'] : [])],
    judge: (walked) => {
      if (walked.table !== 'nat') return null;
      const isOurs = walked.decision.type === 'destination' && walked.by !== null && ownerOf(walked.by.chain, seen.settings.names) === 'routemesh';
      return isOurs ? null : whyNotTaken(seen, request, entry.packet, walked);
    },
  });
  return translated === null ? null : toSandbox(way, seen, translated, entry);
}

function toSandbox(way: Way, seen: Observation, translated: Packet, entry: Entry): HostExit | null {
  const { host, settings } = seen;
  const bridge = settings.names.gatewayBridge;
  if (!passSettings(way, seen, entry)) return null;
  const departure = passRoute(way, seen, host, translated, { towards: `by the bridge ${bridge}`, isRight: ({ name }) => name === bridge });
  if (departure === null) return null;

  const leaving = { ...translated, outputDevice: departure.device.name };
  const filtered = entry.isOwn ? leaving : passHook(way, seen, host, leaving, { hook: 'FORWARD', told: ['filter'] });
  const packet = filtered === null ? null : passHook(way, seen, host, filtered, { hook: 'POSTROUTING', told: [] });
  if (packet === null) return null;
  const place = { place: 'host', name: host.name } as const;
  if (packet.source.startsWith('127.')) {
    way.end(
      { ...place, step: 'nat POSTROUTING', what: 'leaves it the source that it has', commands: [command(host, 'iptables', '-t', 'nat', '-nvL', 'POSTROUTING', '--line-numbers')] },
      { why: `nobody but this node can answer to ${packet.source}: the MASQUERADE for ${bridge} is missing`, remedy: byController(seen) },
    );
    return null;
  }

  const cable = host.network.devices.find(({ master, peer }) => master === bridge && peer?.place === 'sandbox');
  const peer = cable?.peer ?? null;
  if (seen.sandbox === null || cable === undefined || peer === null) {
    const { sandbox } = settings.names;
    const why = seen.sandbox === null ? `there is no network namespace ${sandbox}` : `no port of ${bridge} is a cable to ${sandbox}`;
    way.end({ ...place, step: 'cable', what: `leaves by ${bridge}`, commands: [command(host, 'ip', '-d', 'link', 'show', 'master', bridge), 'ip netns list'] }, { why, remedy: byController(seen) });
    return null;
  }
  const far = seen.sandbox.network.devices.find(({ name }) => name === peer.device);
  return passCable(way, seen, host, departure, cable, { name: `${peer.device} of ${seen.sandbox.name}`, device: far }) ? { packet, sandboxDevice: peer.device } : null;
}

/** Forwarding for what comes from elsewhere, loopback routed for what comes from 127.0.0.1. */
function passSettings(way: Way, seen: Observation, { packet, isOwn }: Entry): boolean {
  const { host, settings } = seen;
  if (!isOwn) return passForwarding(way, seen, host);
  if (!packet.source.startsWith('127.')) return true;
  const setting = (device: string): string => `net/ipv4/conf/${device}/route_localnet`;
  return passSetting(way, seen, host, [setting('all'), setting(settings.names.gatewayBridge)], 'packets from 127.0.0.1 are not let out of the loopback device');
}
