/** Routes: RTM_*ROUTE (struct rtmsg, linux/rtnetlink.h). */

import { isLittleEndian } from '../constants.js';
import {
  anyPrefix, familyNumber, familyOf, familyOfNumber, formatAddress, formatPrefix, parseAddress, parsePrefix, type AddressFamily,
} from '../inet.js';
import { AttributeMap, bytes, concatenate, encodeAttributes, u32, view, type Attribute } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../netlink/constants.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import type { NetlinkMessage } from '../netlink/message.js';
import {
  RT_TABLE_COMPAT, RT_TABLE_MAIN, RTA_DST, RTA_GATEWAY, RTA_MULTIPATH, RTA_OIF, RTA_PREFSRC, RTA_PRIORITY, RTA_TABLE, RTA_VIA,
  RTM_DELROUTE, RTM_F_CLONED, RTM_GETROUTE, RTM_NEWROUTE, RTNH_F_ONLINK, RTPROT_STATIC,
} from './constants.js';
import { optional, routeMessage, RTMSG_LENGTH, splitMessage } from './headers.js';
import { routeTypes, scopes } from './names.js';
import type { NewRoute, NextHop, Route } from './types.js';

/** sizeof(struct rtnexthop) and of the family in struct rtvia. */
const RTNEXTHOP_LENGTH = 8;
const RTVIA_HEADER_LENGTH = 2;

/** EEXIST when the table has a route to the same destination with the same metric. */
export function addRoute(route: NewRoute): NetlinkMessage {
  return routeRequest('add', RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, withDefaults(route));
}

/** Adds, or takes the place of the route with the same destination, table and metric. */
export function replaceRoute(route: NewRoute): NetlinkMessage {
  return routeRequest('replace', RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, withDefaults(route));
}

/** Deletes the first route that matches what is given; what is left out matches anything (table: main). ESRCH when there is none. */
export function deleteRoute(route: NewRoute): NetlinkMessage {
  return routeRequest('delete', RTM_DELROUTE, 0, { scope: 'nowhere', type: 0, protocol: 0, ...definedOf(route) });
}

/** For `dump`: one family, all tables or one. ENOENT when the table does not exist. */
export function dumpRoutes(family: AddressFamily, table?: number): NetlinkMessage {
  return routeMessage(`list routes (${family}${table === undefined ? '' : `, table ${table}`})`, RTM_GETROUTE, 0,
    rtmsg({ family: familyNumber(family), prefixLength: 0, table: 0, protocol: 0, scope: 0, type: 0, flags: 0 }),
    [optional(table, (value) => u32(RTA_TABLE, value))]);
}

type EncodableRoute = NewRoute & Pick<Route, 'scope' | 'type' | 'protocol'>;

function withDefaults(route: NewRoute): EncodableRoute {
  const given = definedOf(route);
  const type = given.type ?? 'unicast';
  return { type, protocol: RTPROT_STATIC, scope: defaultScope({ ...given, type }), ...given };
}

/** As iproute2 chooses it (iproute_modify() in ip/iproute.c); IPv6 knows only global. */
function defaultScope(route: NewRoute): Route['scope'] {
  if (parsePrefix(route.destination).family === 'inet6') return 'global';
  if (route.type === 'local') return 'host';
  if (route.type === 'broadcast' || route.type === 'multicast' || route.type === 'anycast') return 'link';
  const isDirect = route.type === 'unicast' && route.gateway === undefined && route.nextHops === undefined;
  return isDirect ? 'link' : 'global';
}

/** A copy without the properties that are undefined, so that defaults can stand before it. */
function definedOf(route: NewRoute): NewRoute {
  return Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined)) as unknown as NewRoute;
}

function routeRequest(verb: string, type: number, flags: number, route: EncodableRoute): NetlinkMessage {
  const destination = parsePrefix(route.destination);
  const table = route.table ?? RT_TABLE_MAIN;
  const header = rtmsg({
    family: familyNumber(destination.family),
    prefixLength: destination.length,
    table: table < 256 ? table : RT_TABLE_COMPAT,
    protocol: route.protocol,
    scope: scopes.toNumber(route.scope),
    type: routeTypes.toNumber(route.type),
    flags: route.onlink === true ? RTNH_F_ONLINK : 0,
  });
  return routeMessage(`${verb} route ${describeRoute(route)}`, type, flags, header, [
    destination.length === 0 ? undefined : bytes(RTA_DST, destination.bytes),
    u32(RTA_TABLE, table),
    optional(route.gateway, (gateway) => gatewayAttribute(gateway, destination.family)),
    optional(route.linkIndex, (index) => u32(RTA_OIF, index)),
    optional(route.source, (source) => bytes(RTA_PREFSRC, parseAddress(source).bytes)),
    optional(route.metric, (metric) => u32(RTA_PRIORITY, metric)),
    optional(route.nextHops, (hops) => bytes(RTA_MULTIPATH, concatenate(hops.map((hop) => encodeNextHop(hop, destination.family))))),
  ]);
}

/** "10.0.0.5/32 via 100.104.56.12 dev 7 table 100", for error texts. */
export function describeRoute(route: NewRoute): string {
  const words = [route.destination];
  if (route.type !== undefined && route.type !== 'unicast' && route.type !== 0) words.unshift(String(route.type));
  if (route.gateway !== undefined) words.push(`via ${route.gateway}`);
  if (route.linkIndex !== undefined) words.push(`dev ${route.linkIndex}`);
  if (route.table !== undefined && route.table !== RT_TABLE_MAIN) words.push(`table ${route.table}`);
  if (route.metric !== undefined) words.push(`metric ${route.metric}`);
  return words.join(' ');
}

/** A gateway of the route's own family, or of the other one (IPv4 via IPv6: RTA_VIA). */
function gatewayAttribute(gateway: string, family: AddressFamily): Attribute {
  const address = parseAddress(gateway);
  if (address.family === family) return bytes(RTA_GATEWAY, address.bytes);
  const via = new Uint8Array(RTVIA_HEADER_LENGTH);
  view(via).setUint16(0, familyNumber(address.family), isLittleEndian);
  return bytes(RTA_VIA, concatenate([via, address.bytes]));
}

function encodeNextHop(hop: NextHop, family: AddressFamily): Uint8Array {
  if (!Number.isInteger(hop.weight) || hop.weight < 1 || hop.weight > 256) {
    throw new RangeError(`Expected the weight of a next hop to be from 1 to 256, got ${hop.weight}`);
  }
  const nextHop = encodeAttributes([optional(hop.gateway, (gateway) => gatewayAttribute(gateway, family))], new Uint8Array(RTNEXTHOP_LENGTH));
  const fields = view(nextHop);
  fields.setUint16(0, nextHop.length, isLittleEndian);
  fields.setUint8(2, hop.onlink ? RTNH_F_ONLINK : 0);
  fields.setUint8(3, hop.weight - 1);
  fields.setInt32(4, hop.linkIndex, isLittleEndian);
  return nextHop;
}

interface RouteHeader {
  readonly family: number;
  readonly prefixLength: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
}

/** struct rtmsg. */
function rtmsg(fields: RouteHeader): Uint8Array {
  const header = new Uint8Array(RTMSG_LENGTH);
  header.set([fields.family, fields.prefixLength, 0, 0, fields.table, fields.protocol, fields.scope, fields.type]);
  view(header).setUint32(8, fields.flags, isLittleEndian);
  return header;
}

/** Decodes the payload of an RTM_NEWROUTE; undefined for other families than IP and for cached copies. Throws NetlinkDecodeError. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const { header, attributes } = splitMessage(payload, RTMSG_LENGTH);
  const family = familyOfNumber(header.getUint8(0));
  const flags = header.getUint32(8, isLittleEndian);
  if (family === undefined || (flags & RTM_F_CLONED) !== 0) return undefined;
  const destination = attributes.bytes(RTA_DST);
  const prefixLength = header.getUint8(1);
  return {
    destination: destination === undefined ? anyPrefix(family) : formatPrefix(requireAddress(destination), prefixLength),
    table: attributes.u32(RTA_TABLE) ?? header.getUint8(4),
    type: routeTypes.toWord(header.getUint8(7)),
    scope: scopes.toWord(header.getUint8(6)),
    protocol: header.getUint8(5),
    gateway: decodeGateway(attributes),
    linkIndex: attributes.u32(RTA_OIF),
    source: decodeOptionalAddress(attributes.bytes(RTA_PREFSRC)),
    metric: attributes.u32(RTA_PRIORITY),
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    nextHops: decodeNextHops(attributes.bytes(RTA_MULTIPATH)),
  };
}

function requireAddress(value: Uint8Array): Uint8Array {
  if (value.length !== 4 && value.length !== 16) throw new NetlinkDecodeError(`expected 4 or 16 bytes of an address, got ${value.length}`);
  return value;
}

function decodeOptionalAddress(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : formatAddress(requireAddress(value));
}

function decodeGateway(attributes: AttributeMap): string | undefined {
  return decodeOptionalAddress(attributes.bytes(RTA_GATEWAY) ?? attributes.bytes(RTA_VIA)?.subarray(RTVIA_HEADER_LENGTH));
}

/** A list of struct rtnexthop, each with attributes. */
function decodeNextHops(data: Uint8Array | undefined): NextHop[] | undefined {
  if (data === undefined) return undefined;
  const hops: NextHop[] = [];
  const fields = view(data);
  let offset = 0;
  while (data.length - offset >= RTNEXTHOP_LENGTH) {
    const length = fields.getUint16(offset, isLittleEndian);
    if (length < RTNEXTHOP_LENGTH || length > data.length - offset) throw new NetlinkDecodeError(`next hop of ${length} bytes`);
    const attributes = new AttributeMap(data, offset + RTNEXTHOP_LENGTH, offset + length);
    hops.push({
      linkIndex: fields.getInt32(offset + 4, isLittleEndian),
      gateway: decodeGateway(attributes),
      onlink: (fields.getUint8(offset + 2) & RTNH_F_ONLINK) !== 0,
      weight: fields.getUint8(offset + 3) + 1,
    });
    offset += (length + 3) & ~3;
  }
  return hops;
}

/** The family of a route's destination. */
export function routeFamily(route: Pick<Route, 'destination'>): AddressFamily {
  return familyOf(route.destination.split('/', 1)[0] ?? '');
}
