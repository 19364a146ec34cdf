/** ARP and IPv6 neighbour entries: RTM_*NEIGH of an IP family (linux/neighbour.h). */

import { AF_UNSPEC, isLittleEndian } from '../constants.js';
import { familyNumber, familyOfNumber, formatAddress, formatMacAddress, parseAddress, parseMacAddress, type AddressFamily } from '../inet.js';
import { bytes, u8 } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { NDA_DST, NDA_LLADDR, NDA_PROTOCOL, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './constants.js';
import { ndmsg, NDMSG_LENGTH, optional, routeMessage, splitMessage } from './headers.js';
import { neighbourStates } from './names.js';
import type { Neighbour, NewNeighbour } from './types.js';

/** EEXIST when the address has an entry on this link. */
export function addNeighbour(neighbour: NewNeighbour): NetlinkMessage {
  return neighbourMessage('add', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, neighbour);
}

/** Adds, or changes MAC address and state of the present entry. */
export function replaceNeighbour(neighbour: NewNeighbour): NetlinkMessage {
  return neighbourMessage('replace', RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour);
}

/** ENOENT when there is none. */
export function deleteNeighbour(neighbour: NewNeighbour): NetlinkMessage {
  return neighbourMessage('delete', RTM_DELNEIGH, 0, neighbour);
}

/** For `dump`. */
export function dumpNeighbours(family?: AddressFamily): NetlinkMessage {
  return routeMessage('list neighbours', RTM_GETNEIGH, 0, ndmsg(family === undefined ? AF_UNSPEC : familyNumber(family), 0, 0, 0), []);
}

function neighbourMessage(verb: string, type: number, flags: number, neighbour: NewNeighbour): NetlinkMessage {
  const address = parseAddress(neighbour.address);
  const state = neighbourStates.toNumber(neighbour.state ?? 'permanent');
  return routeMessage(`${verb} neighbour ${neighbour.address} dev ${neighbour.linkIndex}`, type, flags,
    ndmsg(familyNumber(address.family), neighbour.linkIndex, state, neighbour.flags ?? 0), [
      bytes(NDA_DST, address.bytes),
      optional(neighbour.macAddress, (mac) => bytes(NDA_LLADDR, parseMacAddress(mac))),
      optional(neighbour.protocol, (protocol) => u8(NDA_PROTOCOL, protocol)),
    ]);
}

/** Decodes the payload of an RTM_NEWNEIGH; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  const { header, attributes } = splitMessage(payload, NDMSG_LENGTH);
  const family = familyOfNumber(header.getUint8(0));
  const address = attributes.bytes(NDA_DST);
  if (address?.length !== (family === 'inet' ? 4 : 16) || family === undefined) return undefined;
  const mac = attributes.bytes(NDA_LLADDR);
  return {
    linkIndex: header.getInt32(4, isLittleEndian),
    address: formatAddress(address),
    macAddress: mac === undefined ? undefined : formatMacAddress(mac),
    state: neighbourStates.toWord(header.getUint16(8, isLittleEndian)),
    protocol: attributes.u8(NDA_PROTOCOL) ?? 0,
    flags: header.getUint8(10),
  };
}
