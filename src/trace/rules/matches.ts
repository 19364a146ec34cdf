/**
 * Whether a rule is for a packet, as iptables-extensions(8) has it. A match that is not here is one that can't be decided
 * by the packet alone (the members of somebody's set, the time of day, who owns a socket): unknown, never guessed.
 */
import { protocolNumbers } from '../../plan/fwmark.js';
import type { Packet } from '../packet.js';
import { isInPrefix, isInRange } from './addresses.js';
import { all, any, certainly, negate, type Certainty } from './certainty.js';
import { matchesConnection, matchesState } from './connection-matches.js';
import type { Match, ParsedRule } from './parsed-rule.js';
import { isInSet, type SeenSets } from './sets.js';

/** What a rule may ask of the namespace that it stands in. */
export interface Surroundings {
  isLocal(address: string): boolean;
  readonly sets?: SeenSets | undefined;
}

export function isFor(rule: ParsedRule, packet: Packet, surroundings: Surroundings): Certainty {
  return all(rule.matches.map((match) => {
    const answer = judge(match, packet, surroundings);
    return match.negated ? negate(answer) : answer;
  }));
}

/** Modules that ask nothing by themselves: their options do, and those are judged one by one. */
const judgedByOption: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'icmp', 'multiport', 'addrtype', 'conntrack', 'state', 'comment', 'mark', 'connmark', 'iprange', 'pkttype', 'set']);

function judge(match: Match, packet: Packet, surroundings: Surroundings): Certainty {
  const { module, option } = match;
  const value = match.values[0] ?? '';
  if (option === '-m') return judgedByOption.has(value) ? 'yes' : 'unknown';
  switch (module === null ? option : `${module} ${option}`) {
    case '-s':
      return isInPrefix(packet.source, value);
    case '-d':
      return isInPrefix(packet.destination, value);
    case '-i':
      return isDevice(packet.inputDevice, value);
    case '-o':
      return isDevice(packet.outputDevice, value);
    case '-p':
      return certainly(value === 'all' || value === '0' || value === packet.protocol || value === String(protocolNumbers[packet.protocol]));
    case '-f':
      return 'no';
    case 'tcp --dport':
    case 'udp --dport':
    case 'sctp --dport':
      return isPort(packet.destinationPort, value);
    case 'tcp --sport':
    case 'udp --sport':
    case 'sctp --sport':
      return isPort(packet.sourcePort, value);
    case 'tcp --tcp-flags':
      return hasFlags(packet, match.values);
    case 'multiport --dports':
      return isOnePort([packet.destinationPort], value);
    case 'multiport --sports':
      return isOnePort([packet.sourcePort], value);
    case 'multiport --ports':
      return isOnePort([packet.sourcePort, packet.destinationPort], value);
    case 'addrtype --dst-type':
      return isOfType(packet.destination, value, surroundings);
    case 'addrtype --src-type':
      return isOfType(packet.source, value, surroundings);
    case 'iprange --src-range':
      return isInRange(packet.source, value);
    case 'iprange --dst-range':
      return isInRange(packet.destination, value);
    case 'pkttype --pkt-type':
      return certainly(value === 'unicast');
    case 'mark --mark':
      return hasMark(packet.mark, value);
    case 'connmark --mark':
      return hasMark(packet.connection.mark, value);
    case 'set --match-set':
      return isInSet(packet, surroundings.sets, value, match.values[1] ?? '');
    case 'comment --comment':
      return 'yes';
    case 'state --state':
      return matchesState(packet.connection, value);
    default:
      return module === 'conntrack' ? matchesConnection(packet, option, value) : 'unknown';
  }
}

/** `eth0`, or `eth+` for all that begin so. */
function isDevice(device: Packet['inputDevice'], pattern: string): Certainty {
  if (device === undefined) return pattern === '+' ? 'yes' : 'unknown';
  // Without a device the kernel compares with an empty name (ip_packet_match()).
  const name = device ?? '';
  return certainly(pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern);
}

/** `80`, `8000:8010`, `:1023`, `1024:`. */
function isPort(port: number, range: string): Certainty {
  const [first = '', last] = range.split(':');
  const [from, to] = [first === '' ? 0 : Number(first), last === undefined ? Number(first) : last === '' ? 65_535 : Number(last)];
  return Number.isNaN(from) || Number.isNaN(to) ? 'unknown' : certainly(port >= from && port <= to);
}

function isOnePort(ports: readonly number[], ranges: string): Certainty {
  return any(ranges.split(',').flatMap((range) => ports.map((port) => isPort(port, range))));
}

/** A connection opens with SYN alone, and is answered with SYN and ACK. */
function hasFlags(packet: Packet, [mask = '', expected = '']: readonly string[]): Certainty {
  const flags = packet.connection.direction === 'REPLY' ? ['SYN', 'ACK'] : ['SYN'];
  const listed = (text: string): string[] => (text === 'NONE' ? [] : text === 'ALL' ? ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] : text.split(','));
  const wanted = new Set(listed(expected));
  return certainly(listed(mask).every((flag) => flags.includes(flag) === wanted.has(flag)));
}

/** The types that a client's, a node's and a task's address can have; the kernel asks its routes. */
function isOfType(address: string, types: string, surroundings: Surroundings): Certainty {
  const type = surroundings.isLocal(address) ? 'LOCAL' : 'UNICAST';
  return certainly(types.split(',').includes(type));
}

/** `0x1`, `0x1/0xff`. */
function hasMark(mark: number, wanted: string): Certainty {
  const [value, mask = 0xffffffff] = wanted.split('/').map(Number);
  if (value === undefined || Number.isNaN(value) || Number.isNaN(mask)) return 'unknown';
  return certainly(((mark & mask) >>> 0) === value);
}
