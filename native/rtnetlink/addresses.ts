/** IP addresses of links: RTM_*ADDR (linux/if_addr.h). */

import { AF_UNSPEC, isLittleEndian } from '../constants.js';
import { addressBits, familyNumber, familyOfNumber, formatAddress, formatPrefix, parseAddress, parsePrefix, type AddressFamily } from '../inet.js';
import { bytes, string, u32, view } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { IFA_ADDRESS, IFA_BROADCAST, IFA_FLAGS, IFA_LABEL, IFA_LOCAL, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from './constants.js';
import { IFADDRMSG_LENGTH, optional, routeMessage, splitMessage } from './headers.js';
import { scopes } from './names.js';
import type { Address, NewAddress } from './types.js';

/** EEXIST when the link has it. */
export function addAddress(address: NewAddress): NetlinkMessage {
  return addressMessage('add', RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
}

/** Adds it, or changes what of the present one can be changed (flags, scope). */
export function replaceAddress(address: NewAddress): NetlinkMessage {
  return addressMessage('replace', RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address);
}

/** EADDRNOTAVAIL when the link does not have it. */
export function deleteAddress(address: NewAddress): NetlinkMessage {
  return addressMessage('delete', RTM_DELADDR, 0, address);
}

/** For `dump`. */
export function dumpAddresses(family?: AddressFamily): NetlinkMessage {
  return routeMessage('list addresses', RTM_GETADDR, 0, ifaddrmsg(family === undefined ? AF_UNSPEC : familyNumber(family), 0, 0, 0), []);
}

function addressMessage(verb: string, type: number, flags: number, address: NewAddress): NetlinkMessage {
  const local = parsePrefix(address.address);
  const peer = address.peer === undefined ? local : parsePrefix(address.peer);
  const scope = scopes.toNumber(address.scope ?? 'global');
  return routeMessage(`${verb} address ${address.address} dev ${address.linkIndex}`, type, flags,
    ifaddrmsg(familyNumber(local.family), peer.length, scope, address.linkIndex), [
      bytes(IFA_LOCAL, local.bytes),
      bytes(IFA_ADDRESS, peer.bytes),
      optional(address.broadcast, (broadcast) => bytes(IFA_BROADCAST, parseAddress(broadcast).bytes)),
      optional(address.label, (label) => string(IFA_LABEL, label)),
      optional(address.flags, (value) => u32(IFA_FLAGS, value)),
    ]);
}

/** struct ifaddrmsg. */
function ifaddrmsg(family: number, prefixLength: number, scope: number, linkIndex: number): Uint8Array {
  const header = new Uint8Array(IFADDRMSG_LENGTH);
  header.set([family, prefixLength, 0, scope]);
  view(header).setUint32(4, linkIndex, isLittleEndian);
  return header;
}

/** Decodes the payload of an RTM_NEWADDR; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeAddress(payload: Uint8Array): Address | undefined {
  const { header, attributes } = splitMessage(payload, IFADDRMSG_LENGTH);
  const family = familyOfNumber(header.getUint8(0));
  if (family === undefined) return undefined;
  const prefixLength = header.getUint8(1);
  // IPv6 gives IFA_LOCAL only on point-to-point addresses.
  const peer = attributes.bytes(IFA_ADDRESS);
  const local = attributes.bytes(IFA_LOCAL) ?? peer;
  const expected = addressBits(family) / 8;
  if (local?.length !== expected || (peer !== undefined && peer.length !== expected)) throw new NetlinkDecodeError('address without its bytes');
  const isPointToPoint = peer !== undefined && Buffer.compare(peer, local) !== 0;
  const broadcast = attributes.bytes(IFA_BROADCAST);
  return {
    linkIndex: header.getUint32(4, isLittleEndian),
    address: formatPrefix(local, isPointToPoint ? addressBits(family) : prefixLength),
    peer: isPointToPoint ? formatPrefix(peer, prefixLength) : undefined,
    broadcast: broadcast?.length === expected ? formatAddress(broadcast) : undefined,
    scope: scopes.toWord(header.getUint8(3)),
    label: attributes.string(IFA_LABEL),
    flags: attributes.u32(IFA_FLAGS) ?? header.getUint8(2),
  };
}
