/** What a rule asks of a set: `-m set --match-set NAME dst,dst`, `-j SET --map-set NAME dst --map-mark`. */
import type { Protocol } from '../../cluster/state.js';
import { chainOf, type IptablesDocument } from '../../kernel/iptables/document.js';
import type { KernelSet, SetMember } from '../../plan/objects.js';
import { memberKey, portSetName } from '../../plan/sets.js';
import type { Packet } from '../packet.js';
import { certainly, type Certainty } from './certainty.js';
import type { Effect } from './effects.js';

/** Its members by `memberKey`. */
export interface SeenSet extends Omit<KernelSet, 'members'> {
  readonly members: ReadonlyMap<string, SetMember>;
}

/** By name; sets that others made are not among them. */
export type SeenSets = ReadonlyMap<string, SeenSet>;

/** The set of a protocol's published ports, where a chain asks it instead of port by port. */
export function portSetAskedBy(document: IptablesDocument, table: string, chain: string, protocol: Protocol): string | null {
  const set = portSetName(protocol);
  return chainOf(document, table, chain)?.rules.some(({ words }) => words.includes(set)) === true ? set : null;
}

/** Undefined: no member of the set; unknown: the set, or what is asked of it, can't be seen from here. */
export function memberFor(packet: Packet, sets: SeenSets | undefined, name: string, directions: string): SetMember | 'unknown' | undefined {
  const set = sets?.get(name);
  const asked = set === undefined ? null : askedOf(packet, set.type, directions.split(','));
  return set === undefined || asked === null ? 'unknown' : set.members.get(memberKey(asked));
}

export function isInSet(packet: Packet, sets: SeenSets | undefined, name: string, directions: string): Certainty {
  const member = memberFor(packet, sets, name, directions);
  return member === 'unknown' ? 'unknown' : certainly(member !== undefined);
}

/** A mark that is the set's to give (set_target_v3() of net/netfilter/xt_set.c); every other effect as it is. */
export function withSet(effect: Effect, packet: Packet, sets: SeenSets | undefined): Effect {
  if (effect.type !== 'mark-by-set') return effect;
  const member = memberFor(packet, sets, effect.set, effect.directions);
  if (member === 'unknown') return { type: 'unknown' };
  if (member === undefined) return { type: 'nothing' };
  // Marks of some bits are no plan's, and a set without marks gives none that we know of.
  return member.mark === undefined || member.mark < 0 ? { type: 'unknown' } : { type: 'mark', of: 'packet', value: member.mark, mask: 0xffffffff };
}

/** One direction for each of the type's parts. */
function askedOf(packet: Packet, type: KernelSet['type'], [first = '', second = '']: readonly string[]): SetMember | null {
  const [address, port] = [addressAt(packet, first), portAt(packet, type === 'bitmap:port' ? first : second)];
  switch (type) {
    case 'bitmap:port':
      return port === null ? null : { port };
    case 'hash:ip':
      return address === null ? null : { address };
    case 'hash:ip,port':
      return address === null || port === null ? null : { address, protocol: packet.protocol, port };
  }
}

function addressAt(packet: Packet, direction: string): string | null {
  return direction === 'dst' ? packet.destination : direction === 'src' ? packet.source : null;
}

function portAt(packet: Packet, direction: string): number | null {
  return direction === 'dst' ? packet.destinationPort : direction === 'src' ? packet.sourcePort : null;
}
