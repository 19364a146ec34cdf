/** Marks of packets and connections, as MARK and CONNMARK set them (net/netfilter/xt_mark.c, xt_connmark.c). */
import type { Packet } from '../packet.js';
import type { Effect } from './effects.js';

/** The packet behind a rule with this effect; the very same where nothing of it changes. */
export function applyMark(packet: Packet, effect: Effect): Packet {
  const { mark, connection } = packet;
  switch (effect.type) {
    case 'mark':
      return effect.of === 'packet' ? marked(packet, replaced(mark, effect.mask, effect.value)) : remembered(packet, replaced(connection.mark, effect.mask, effect.value));
    case 'copy-mark':
      return effect.to === 'packet'
        ? marked(packet, replaced(mark, effect.packetMask, connection.mark & effect.connectionMask))
        : remembered(packet, replaced(connection.mark, effect.connectionMask, mark & effect.packetMask));
    case 'untrack':
      return { ...packet, connection: { ...connection, state: 'UNTRACKED' } };
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
    case 'call':
    case 'destination':
    case 'redirect':
    case 'source':
    case 'mark-by-set':
    case 'nothing':
    case 'unknown':
      return packet;
  }
}

function marked(packet: Packet, mark: number): Packet {
  return mark === packet.mark ? packet : { ...packet, mark };
}

function remembered(packet: Packet, mark: number): Packet {
  return mark === packet.connection.mark ? packet : { ...packet, connection: { ...packet.connection, mark } };
}

function replaced(mark: number, mask: number, flipped: number): number {
  return ((mark & ~mask) ^ flipped) >>> 0;
}
