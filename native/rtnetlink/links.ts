/** Links (network devices): RTM_*LINK. */

import { isLittleEndian } from '../constants.js';
import { familyOf, formatAddress, formatMacAddress, parseAddress, parseMacAddress } from '../inet.js';
import { bytes, encodeAttributes, nested, string, u16be, u32, u8, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import {
  IFF_UP, IFLA_ADDRESS, IFLA_EXT_MASK, IFLA_IFALIAS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINK, IFLA_LINK_NETNSID,
  IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_NET_NS_FD, IFLA_OPERSTATE, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, IFLA_VXLAN_ID,
  IFLA_VXLAN_L2MISS, IFLA_VXLAN_L3MISS, IFLA_VXLAN_LEARNING, IFLA_VXLAN_LINK, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT, IFLA_VXLAN_PROXY, IFLA_VXLAN_TTL, IFLA_VXLAN_UDP_CSUM, RTEXT_FILTER_SKIP_STATS, RTM_DELLINK, RTM_GETLINK,
  RTM_NEWLINK, VETH_INFO_PEER,
} from './constants.js';
import { ifinfomsg, IFINFOMSG_LENGTH, optional, routeMessage, splitMessage } from './headers.js';
import { operationalState } from './names.js';
import type { Link, LinkChange, LinkReference, NewLink, NewVeth, NewVxlan, VxlanSettings } from './types.js';

/** IFNAMSIZ (linux/if.h) without the NUL. */
const MAX_NAME_BYTES = 15;
/** IFALIASZ (linux/if.h) without the NUL. */
const MAX_ALIAS_BYTES = 255;

/** A veth pair. EEXIST when either name is taken. */
export function createVeth(link: NewVeth): NetlinkMessage {
  const peer = encodeAttributes(commonAttributes(link.peer), ifinfomsg());
  return create('veth', link, [bytes(VETH_INFO_PEER, peer)], ` peer ${link.peer.name}`);
}

/** A bridge. An MTU given here gives way to the smallest of its ports' (br_mtu_auto_adjust()); one that is set by changeLink stays. */
export function createBridge(link: NewLink): NetlinkMessage {
  return create('bridge', link, []);
}

export function createDummy(link: NewLink): NetlinkMessage {
  return create('dummy', link, []);
}

/** A VXLAN device. Its UDP socket is made, and stays, in the namespace of the netlink socket (or `link.namespace`). EEXIST also when the VNI and port are taken. */
export function createVxlan(link: NewVxlan): NetlinkMessage {
  return create('vxlan', link, [
    u32(IFLA_VXLAN_ID, link.id),
    u16be(IFLA_VXLAN_PORT, link.port),
    optional(link.local, (address) => addressAttribute(address, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6)),
    optional(link.remote, (address) => addressAttribute(address, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6)),
    u8(IFLA_VXLAN_LEARNING, link.learning === true ? 1 : 0),
    optional(link.lowerLinkIndex, (index) => u32(IFLA_VXLAN_LINK, index)),
    optional(link.ttl, (ttl) => u8(IFLA_VXLAN_TTL, ttl)),
    optional(link.udpChecksum, (checksum) => u8(IFLA_VXLAN_UDP_CSUM, checksum ? 1 : 0)),
  ], ` id ${link.id} port ${link.port}`);
}

/** Changes an existing link. ENODEV when there is none, EEXIST when the new name is taken. */
export function changeLink(link: LinkReference, change: LinkChange): NetlinkMessage {
  const flags = change.isUp === true ? IFF_UP : 0;
  const mask = change.isUp === undefined ? 0 : IFF_UP;
  const byIndex = typeof link === 'number';
  if (!byIndex && change.name !== undefined && change.name !== link) {
    // The kernel takes IFLA_IFNAME for the way to find a link as long as no index is given.
    throw new TypeError(`Expected the link to be named by its index when it gets a new name, got ${JSON.stringify(link)}`);
  }
  return routeMessage(
    `change link ${link} (${describeChange(change)})`, RTM_NEWLINK, 0,
    ifinfomsg(byIndex ? link : 0, flags, mask),
    byIndex ? commonAttributes(change) : commonAttributes({ ...change, name: link }),
  );
}

/** Deletes a link, with a veth its peer too. ENODEV when there is none. */
export function deleteLink(link: LinkReference): NetlinkMessage {
  return routeMessage(`delete link ${link}`, RTM_DELLINK, 0, ifinfomsg(typeof link === 'number' ? link : 0),
    typeof link === 'number' ? [] : [string(IFLA_IFNAME, checkName(link))]);
}

/** One link; the answer is one RTM_NEWLINK. ENODEV when there is none. */
export function getLink(link: LinkReference): NetlinkMessage {
  return routeMessage(`get link ${link}`, RTM_GETLINK, 0, ifinfomsg(typeof link === 'number' ? link : 0), [
    typeof link === 'number' ? undefined : string(IFLA_IFNAME, checkName(link)),
    u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
  ]);
}

/** For `dump`: every link. */
export function dumpLinks(): NetlinkMessage {
  return routeMessage('list links', RTM_GETLINK, 0, ifinfomsg(), [u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]);
}

function create(kind: string, link: NewLink, data: readonly (Attribute | undefined)[], detail = ''): NetlinkMessage {
  const isUp = link.isUp === true;
  return routeMessage(
    `create ${kind} ${link.name}${detail}`, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
    ifinfomsg(0, isUp ? IFF_UP : 0, isUp ? IFF_UP : 0),
    [
      ...commonAttributes(link),
      nested(IFLA_LINKINFO, [string(IFLA_INFO_KIND, kind), data.length === 0 ? undefined : nested(IFLA_INFO_DATA, data)]),
    ],
  );
}

/** The attributes that creating and changing share. */
function commonAttributes(link: LinkChange): (Attribute | undefined)[] {
  return [
    optional(link.name, (name) => string(IFLA_IFNAME, checkName(name))),
    optional(link.macAddress, (mac) => bytes(IFLA_ADDRESS, parseMacAddress(mac))),
    optional(link.mtu, (mtu) => u32(IFLA_MTU, mtu)),
    optional(link.alias, aliasAttribute),
    optional(link.masterIndex, (index) => u32(IFLA_MASTER, index)),
    optional(link.namespace, (namespace) => u32(IFLA_NET_NS_FD, namespace.fileDescriptor)),
  ];
}

/** Without a NUL: the kernel would count it as a part of the alias; an empty one clears it (dev_set_alias()). */
function aliasAttribute(alias: string): Attribute {
  const text = Buffer.from(alias);
  if (text.length > MAX_ALIAS_BYTES) throw new TypeError(`Expected an alias of at most ${MAX_ALIAS_BYTES} bytes, got ${text.length}`);
  return bytes(IFLA_IFALIAS, text);
}

function checkName(name: string): string {
  // dev_valid_name() in net/core/dev.c
  if (!/^[^\s/:\0]+$/.test(name) || Buffer.byteLength(name) > MAX_NAME_BYTES || name === '.' || name === '..') {
    throw new TypeError(`Expected the name of a link (1 to ${MAX_NAME_BYTES} bytes, no space, slash or colon), got ${JSON.stringify(name)}`);
  }
  return name;
}

function addressAttribute(address: string, type4: number, type6: number): Attribute {
  return bytes(familyOf(address) === 'inet' ? type4 : type6, parseAddress(address).bytes);
}

function describeChange({ namespace, ...change }: LinkChange): string {
  const words = Object.entries(change).filter(([, value]) => value !== undefined).map(([key, value]) => `${key} ${String(value)}`);
  if (namespace !== undefined) words.push(`namespace ${namespace.label}`);
  return words.join(', ');
}

/** Decodes the payload of an RTM_NEWLINK. Throws NetlinkDecodeError. */
export function decodeLink(payload: Uint8Array): Link {
  const { header, attributes } = splitMessage(payload, IFINFOMSG_LENGTH);
  const flags = header.getUint32(8, isLittleEndian);
  const info = attributes.nested(IFLA_LINKINFO);
  const kind = info?.string(IFLA_INFO_KIND);
  const mac = attributes.bytes(IFLA_ADDRESS);
  return {
    index: header.getInt32(4, isLittleEndian),
    name: attributes.string(IFLA_IFNAME) ?? '',
    kind,
    isUp: (flags & IFF_UP) !== 0,
    flags,
    operationalState: operationalState(attributes.u8(IFLA_OPERSTATE) ?? 0),
    macAddress: mac === undefined ? undefined : formatMacAddress(mac),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    alias: attributes.string(IFLA_IFALIAS),
    masterIndex: attributes.u32(IFLA_MASTER),
    peerIndex: attributes.u32(IFLA_LINK),
    peerNamespaceId: attributes.i32(IFLA_LINK_NETNSID),
    vxlan: kind === 'vxlan' ? decodeVxlan(info?.nested(IFLA_INFO_DATA)) : undefined,
  };
}

function decodeVxlan(data: AttributeMap | undefined): VxlanSettings | undefined {
  if (data === undefined) return undefined;
  const address = (type4: number, type6: number): string | undefined => {
    const found = data.bytes(type4) ?? data.bytes(type6);
    return found?.length === 4 || found?.length === 16 ? formatAddress(found) : undefined;
  };
  const isSet = (type: number): boolean => (data.u8(type) ?? 0) !== 0;
  const lowerLinkIndex = data.u32(IFLA_VXLAN_LINK);
  return {
    id: data.u32(IFLA_VXLAN_ID) ?? 0,
    port: data.u16be(IFLA_VXLAN_PORT) ?? 0,
    local: address(IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6),
    remote: address(IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6),
    learning: isSet(IFLA_VXLAN_LEARNING),
    lowerLinkIndex: lowerLinkIndex === 0 ? undefined : lowerLinkIndex,
    ttl: data.u8(IFLA_VXLAN_TTL) ?? 0,
    proxy: isSet(IFLA_VXLAN_PROXY),
    l2miss: isSet(IFLA_VXLAN_L2MISS),
    l3miss: isSet(IFLA_VXLAN_L3MISS),
    udpChecksum: isSet(IFLA_VXLAN_UDP_CSUM),
  };
}
