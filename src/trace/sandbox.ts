/** The sandbox: a mark by published port, and IPVS's virtual service of that mark. */
import type { Protocol } from '../cluster/state.js';
import { hexOf, portKey } from '../plan/fwmark.js';
import type { End } from './hop.js';
import { passHook, surroundingsOf } from './hook.js';
import type { HostExit } from './host.js';
import type { Observation, SeenPlace, SeenVirtualService } from './observation.js';
import { arriving, type Packet } from './packet.js';
import { byController } from './repair.js';
import type { TraceRequest } from './request.js';
import { portSetAskedBy } from './rules/sets.js';
import type { Way } from './way.js';
import { command, plural } from './words.js';

/** As IPVS takes it, and the virtual service that it takes it for. */
export interface Scheduled {
  readonly packet: Packet;
  readonly service: SeenVirtualService;
}

/** Null where it ends. */
export function throughSandbox(way: Way, seen: Observation, request: TraceRequest, sandbox: SeenPlace, from: HostExit): Scheduled | null {
  const place = { place: 'sandbox', name: sandbox.name } as const;
  const { destination } = from.packet;
  if (!surroundingsOf(sandbox).isLocal(destination)) {
    way.end(
      { ...place, step: 'address', what: `comes in by ${from.sandboxDevice}`, commands: [command(sandbox, 'ip', 'addr', 'show', 'dev', from.sandboxDevice)] },
      { why: `no device of ${sandbox.name} has ${destination}, to which the host sends it`, remedy: byController(seen) },
    );
    return null;
  }
  const marked = passHook(way, seen, sandbox, arriving(request.protocol, from.packet, from.sandboxDevice), {
    hook: 'PREROUTING',
    told: ['mangle'],
    judge: ({ table, packet }) =>
      table === 'mangle' && packet.mark === 0 && serviceFor(seen, packet) === undefined
        ? { why: `no rule of mangle PREROUTING${setWords(sandbox, request)} marks ${portKey(request.protocol, request.port)}, and IPVS knows published ports by their marks`, remedy: byController(seen) }
        : null,
  });
  const packet = marked === null ? null : passHook(way, seen, sandbox, marked, { hook: 'INPUT', told: [] });
  return packet === null ? null : schedule(way, seen, sandbox, packet);
}

/** Where rules ask sets, the mark is theirs to give. */
function setWords(sandbox: SeenPlace, { protocol }: TraceRequest): string {
  const set = portSetAskedBy(sandbox.iptables.document, 'mangle', 'PREROUTING', protocol);
  return set === null ? '' : `, which ask set ${set},`;
}

function schedule(way: Way, seen: Observation, sandbox: SeenPlace, packet: Packet): Scheduled | null {
  const service = serviceFor(seen, packet);
  const key = service?.key ?? { kind: 'fwmark', family: 'inet', fwmark: packet.mark };
  const which = key.kind === 'fwmark' ? ['-f', String(key.fwmark)] : [addressFlags[key.protocol], `${key.address}:${key.port}`];
  const hop = {
    place: 'sandbox',
    name: sandbox.name,
    step: 'ipvs',
    what: service === undefined ? `mark ${hexOf(packet.mark)} (${packet.mark})` : wordsOf(service),
    commands: [command(sandbox, 'ipvsadm', '-Ln', ...which), command(sandbox, 'ipvsadm', '-Ln', '--stats', ...which)],
  } as const;
  const end = endOf(seen, packet, service);
  if (end !== null || service === undefined) {
    way.end(hop, end ?? { why: 'IPVS has no such virtual service', remedy: byController(seen) });
    return null;
  }
  way.pass(hop);
  return { packet, service };
}

function endOf(seen: Observation, packet: Packet, service: SeenVirtualService | undefined): End | null {
  const remedy = byController(seen);
  if (typeof seen.ipvs === 'string') return { why: `IPVS can’t be read: ${seen.ipvs}`, remedy: 'See `routemesh doctor`.' };
  if (service === undefined) {
    const cleared = seen.ipvs.length === 0 ? 'IPVS has no virtual service at all: somebody cleared it' : `IPVS has no virtual service for mark ${hexOf(packet.mark)}`;
    return { why: cleared, remedy };
  }
  if (service.servers.length === 0) return { why: 'the virtual service has no real server: no task is there, or somebody took them out', remedy: `Look for the service’s tasks with \`docker service ps\`. ${remedy}` };
  if (service.servers.every(({ weight }) => weight === 0)) {
    return { why: 'all its real servers have weight 0: they keep their connections and take no new ones', remedy: `Their tasks are being stopped, or their nodes do not answer: see \`docker service ps\` and \`routemesh status\`. ${remedy}` };
  }
  return null;
}

/** ipvsadm(8): virtual services by address. */
const addressFlags: Readonly<Record<Protocol, string>> = { tcp: '-t', udp: '-u', sctp: '--sctp-service' };

/** By mark, else by address, as ip_vs_service_find() of net/netfilter/ipvs/ip_vs_ctl.c does. */
function serviceFor({ ipvs }: Observation, packet: Packet): SeenVirtualService | undefined {
  if (typeof ipvs === 'string') return undefined;
  return (
    ipvs.find(({ key }) => key.kind === 'fwmark' && key.family === 'inet' && key.fwmark === packet.mark) ??
    ipvs.find(({ key }) => key.kind === 'address' && key.protocol === packet.protocol && key.address === packet.destination && key.port === packet.destinationPort)
  );
}

function wordsOf({ key, scheduler, persistenceSeconds, onePacket, connections, servers }: SeenVirtualService): string {
  const taking = servers.filter(({ weight }) => weight > 0).length;
  return [
    key.kind === 'fwmark' ? `virtual service of mark ${hexOf(key.fwmark)} (${key.fwmark})` : `virtual service ${key.address}:${key.port}`,
    `scheduler ${scheduler}`,
    ...(persistenceSeconds === null ? [] : [`a client stays with its task for ${persistenceSeconds} s`]),
    ...(onePacket ? ['each datagram for itself'] : []),
    `${taking} of ${plural(servers.length, 'real server')} ${servers.length === 1 ? 'takes' : 'take'} new connections`,
    `${plural(Number(connections), 'connection')} so far`,
  ].join(', ');
}
