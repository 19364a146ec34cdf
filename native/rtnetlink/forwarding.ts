/** Forwarding databases of bridges and VXLAN devices: RTM_*NEIGH of family AF_BRIDGE (linux/neighbour.h). */

import { AF_BRIDGE, isLittleEndian } from '../constants.js';
import { formatAddress, formatMacAddress, parseAddress, parseMacAddress } from '../inet.js';
import { bytes, u16, u16be, u32 } from '../netlink/attributes.js';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import {
  NDA_DST, NDA_IFINDEX, NDA_LLADDR, NDA_MASTER, NDA_PORT, NDA_VLAN, NDA_VNI, NTF_MASTER, NTF_SELF, NUD_PERMANENT,
  RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH,
} from './constants.js';
import { ndmsg, NDMSG_LENGTH, optional, routeMessage, splitMessage } from './headers.js';
import { neighbourStates } from './names.js';
import type { ForwardingEntry, NewForwardingEntry } from './types.js';

/** EEXIST when the MAC address has an entry. */
export function addForwardingEntry(entry: NewForwardingEntry): NetlinkMessage {
  return forwardingMessage('add', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, entry);
}

/** Adds, or gives the entry of that MAC address this destination. The kernel does not replace the all-zero MAC's on a VXLAN: append there. */
export function replaceForwardingEntry(entry: NewForwardingEntry): NetlinkMessage {
  return forwardingMessage('replace', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, entry);
}

/** Adds one more destination to a MAC address (VXLAN: the all-zero and multicast ones). */
export function appendForwardingEntry(entry: NewForwardingEntry): NetlinkMessage {
  return forwardingMessage('append', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, entry);
}

/** ENOENT when there is none. With a destination: only that one of the MAC address's destinations. */
export function deleteForwardingEntry(entry: NewForwardingEntry): NetlinkMessage {
  return forwardingMessage('delete', RTM_DELNEIGH, 0, entry);
}

/** For `dump`: all devices, or one. */
export function dumpForwardingEntries(linkIndex?: number): NetlinkMessage {
  return routeMessage('list forwarding entries', RTM_GETNEIGH, 0, ndmsg(AF_BRIDGE, 0, 0, 0), [
    optional(linkIndex, (index) => u32(NDA_IFINDEX, index)),
  ]);
}

function forwardingMessage(verb: string, type: number, flags: number, entry: NewForwardingEntry): NetlinkMessage {
  const to = entry.destination === undefined ? '' : ` dst ${entry.destination}`;
  const state = neighbourStates.toNumber(entry.state ?? 'permanent');
  return routeMessage(`${verb} forwarding entry ${entry.macAddress}${to} dev ${entry.linkIndex}`, type, flags,
    ndmsg(AF_BRIDGE, entry.linkIndex, state, entry.isSelf === false ? NTF_MASTER : NTF_SELF), [
      bytes(NDA_LLADDR, parseMacAddress(entry.macAddress)),
      optional(entry.destination, (destination) => bytes(NDA_DST, parseAddress(destination).bytes)),
      optional(entry.vlan, (vlan) => u16(NDA_VLAN, vlan)),
      optional(entry.port, (port) => u16be(NDA_PORT, port)),
      optional(entry.vni, (vni) => u32(NDA_VNI, vni)),
    ]);
}

/** Decodes the payload of an RTM_NEWNEIGH; undefined for other families than AF_BRIDGE and entries without a MAC address. Throws NetlinkDecodeError. */
export function decodeForwardingEntry(payload: Uint8Array): ForwardingEntry | undefined {
  const { header, attributes } = splitMessage(payload, NDMSG_LENGTH);
  const lladdr = attributes.bytes(NDA_LLADDR);
  const macAddress = lladdr === undefined ? undefined : formatMacAddress(lladdr);
  if (header.getUint8(0) !== AF_BRIDGE || macAddress === undefined) return undefined;
  const destination = attributes.bytes(NDA_DST);
  return {
    linkIndex: header.getInt32(4, isLittleEndian),
    macAddress,
    destination: destination?.length === 4 || destination?.length === 16 ? formatAddress(destination) : undefined,
    state: forwardingState(header.getUint16(8, isLittleEndian)),
    isSelf: (header.getUint8(10) & NTF_SELF) !== 0,
    masterIndex: attributes.u32(NDA_MASTER),
    vlan: attributes.u16(NDA_VLAN),
    port: attributes.u16be(NDA_PORT),
    vni: attributes.u32(NDA_VNI),
  };
}

/** bridge(8) writes and prints "permanent" for any combination with that bit (it sets NUD_NOARP too). */
function forwardingState(state: number): ForwardingEntry['state'] {
  return neighbourStates.toWord((state & NUD_PERMANENT) !== 0 ? NUD_PERMANENT : state);
}
