/** Bytes of ctnetlink (linux/netfilter/nfnetlink_conntrack.h; written by net/netfilter/nf_conntrack_netlink.c). Decoding is total: an entry, or NetlinkDecodeError. */

import { AF_INET, AF_INET6 } from '../constants.js';
import { formatAddress, parseAddress } from '../inet.js';
import { bytes, nested, u16be, u8, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NLM_F_CREATE } from '../netlink/constants.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import type { NetlinkMessage, ReceivedMessage } from '../netlink/message.js';
import { netfilterAttributes, netfilterMessage } from '../netlink/netfilter.js';
import {
  CTA_COUNTERS_BYTES, CTA_COUNTERS_ORIG, CTA_COUNTERS_PACKETS, CTA_COUNTERS_REPLY, CTA_ID, CTA_IP_V4_DST, CTA_IP_V4_SRC, CTA_IP_V6_DST, CTA_IP_V6_SRC,
  CTA_MARK, CTA_PROTO_DST_PORT, CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTOINFO, CTA_PROTOINFO_SCTP, CTA_PROTOINFO_SCTP_STATE, CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, CTA_PROTOINFO_TCP_FLAGS_REPLY, CTA_PROTOINFO_TCP_STATE, CTA_STATUS, CTA_TIMEOUT, CTA_TUPLE_IP, CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO, CTA_TUPLE_REPLY, CTA_TUPLE_ZONE, CTA_ZONE, IP_CT_TCP_FLAG_CLOSE_INIT, IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_NEW,
  IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT, NFNL_SUBSYS_CTNETLINK, SCTP_STATES, TCP_STATES,
} from './constants.js';
import type { ConntrackCounters, ConntrackEntry, ConntrackEvent, ConntrackTuple } from './types.js';

/** Asks for the entry that a tuple, of either direction, belongs to. `zone`: of the whole entry. */
export function getConntrackEntry(tuple: ConntrackTuple, zone = 0): NetlinkMessage {
  const { family } = parseAddress(tuple.source);
  return netfilterMessage({
    subsystem: NFNL_SUBSYS_CTNETLINK,
    command: IPCTNL_MSG_CT_GET,
    family: family === 'inet' ? AF_INET : AF_INET6,
    description: `get conntrack entry ${tuple.source}:${tuple.sourcePort ?? ''} to ${tuple.destination}:${tuple.destinationPort ?? ''}`,
  }, [encodeTuple(CTA_TUPLE_ORIG, tuple), zone === 0 ? undefined : u16be(CTA_ZONE, zone)]);
}

export function encodeTuple(type: number, { protocol, source, sourcePort, destination, destinationPort, zone }: ConntrackTuple): Attribute {
  const [from, to] = [parseAddress(source), parseAddress(destination)];
  if (from.family !== to.family) throw new TypeError(`Expected two addresses of one family, got ${source} and ${destination}`);
  const [sourceType, destinationType] = from.family === 'inet' ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
  return nested(type, [
    nested(CTA_TUPLE_IP, [bytes(sourceType, from.bytes), bytes(destinationType, to.bytes)]),
    nested(CTA_TUPLE_PROTO, [
      u8(CTA_PROTO_NUM, protocol),
      sourcePort === undefined ? undefined : u16be(CTA_PROTO_SRC_PORT, sourcePort),
      destinationPort === undefined ? undefined : u16be(CTA_PROTO_DST_PORT, destinationPort),
    ]),
    zone === undefined ? undefined : u16be(CTA_TUPLE_ZONE, zone),
  ]);
}

/** Undefined for messages that are about something else. Throws NetlinkDecodeError. */
export function decodeConntrackEvent(message: Pick<ReceivedMessage, 'type' | 'flags' | 'payload'>): ConntrackEvent | undefined {
  if (message.type >> 8 !== NFNL_SUBSYS_CTNETLINK) return undefined;
  const kind = kindOf(message.type & 0xff, message.flags);
  return kind === undefined ? undefined : { kind, entry: decodeConntrackEntry(message.payload) };
}

/** One message type tells of both new and changed entries: the flags differ (ctnetlink_conntrack_event()). */
function kindOf(operation: number, flags: number): ConntrackEvent['kind'] | undefined {
  if (operation === IPCTNL_MSG_CT_DELETE) return 'destroy';
  if (operation !== IPCTNL_MSG_CT_NEW) return undefined;
  return (flags & NLM_F_CREATE) === 0 ? 'update' : 'new';
}

/** A message's payload: struct nfgenmsg and attributes. Throws NetlinkDecodeError. */
export function decodeConntrackEntry(payload: Uint8Array): ConntrackEntry {
  const attributes = netfilterAttributes(payload);
  const [original, reply] = [attributes.nested(CTA_TUPLE_ORIG), attributes.nested(CTA_TUPLE_REPLY)];
  if (original === undefined || reply === undefined) throw new NetlinkDecodeError('conntrack entry without its two tuples');
  const status = attributes.u32be(CTA_STATUS) ?? 0;
  return {
    id: attributes.u32be(CTA_ID) ?? 0,
    original: decodeTuple(original),
    reply: decodeTuple(reply),
    zone: attributes.u16be(CTA_ZONE) ?? 0,
    mark: attributes.u32be(CTA_MARK) ?? 0,
    seenReply: (status & IPS_SEEN_REPLY) !== 0,
    assured: (status & IPS_ASSURED) !== 0,
    sourceTranslated: (status & IPS_SRC_NAT) !== 0,
    destinationTranslated: (status & IPS_DST_NAT) !== 0,
    timeoutSeconds: attributes.u32be(CTA_TIMEOUT),
    ...decodeProtocolState(attributes.nested(CTA_PROTOINFO)),
    counters: decodeBothCounters(attributes),
  };
}

function decodeTuple(tuple: AttributeMap): ConntrackTuple {
  const [addresses, protocol] = [tuple.nested(CTA_TUPLE_IP), tuple.nested(CTA_TUPLE_PROTO)];
  const number = protocol?.u8(CTA_PROTO_NUM);
  if (addresses === undefined || protocol === undefined || number === undefined) throw new NetlinkDecodeError('conntrack tuple without addresses or protocol');
  return {
    protocol: number,
    source: decodeAddress(addresses, CTA_IP_V4_SRC, CTA_IP_V6_SRC),
    destination: decodeAddress(addresses, CTA_IP_V4_DST, CTA_IP_V6_DST),
    sourcePort: protocol.u16be(CTA_PROTO_SRC_PORT),
    destinationPort: protocol.u16be(CTA_PROTO_DST_PORT),
    zone: tuple.u16be(CTA_TUPLE_ZONE),
  };
}

function decodeAddress(addresses: AttributeMap, version4: number, version6: number): string {
  const [four, sixteen] = [addresses.bytes(version4), addresses.bytes(version6)];
  if (four?.length === 4) return formatAddress(four);
  if (sixteen?.length === 16) return formatAddress(sixteen);
  throw new NetlinkDecodeError('conntrack tuple with an address of no known length');
}

function decodeProtocolState(info: AttributeMap | undefined): Pick<ConntrackEntry, 'state' | 'closedFirst'> {
  const tcp = info?.nested(CTA_PROTOINFO_TCP);
  if (tcp !== undefined) return { state: TCP_STATES[tcp.u8(CTA_PROTOINFO_TCP_STATE) ?? -1], closedFirst: decodeClosedFirst(tcp) };
  const sctp = info?.nested(CTA_PROTOINFO_SCTP);
  return { state: SCTP_STATES[sctp?.u8(CTA_PROTOINFO_SCTP_STATE) ?? -1], closedFirst: undefined };
}

/** struct nf_ct_tcp_flags of each direction: the flags, then a mask that only means something in requests. */
function decodeClosedFirst(tcp: AttributeMap): ConntrackEntry['closedFirst'] {
  const isFirst = (type: number): boolean => ((tcp.bytes(type)?.[0] ?? 0) & IP_CT_TCP_FLAG_CLOSE_INIT) !== 0;
  if (isFirst(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL)) return 'original';
  return isFirst(CTA_PROTOINFO_TCP_FLAGS_REPLY) ? 'reply' : undefined;
}

function decodeBothCounters(attributes: AttributeMap): ConntrackEntry['counters'] {
  const [original, reply] = [attributes.nested(CTA_COUNTERS_ORIG), attributes.nested(CTA_COUNTERS_REPLY)];
  return original === undefined || reply === undefined ? undefined : { original: decodeCounters(original), reply: decodeCounters(reply) };
}

function decodeCounters(counters: AttributeMap): ConntrackCounters {
  return { packets: counters.u64be(CTA_COUNTERS_PACKETS) ?? 0n, bytes: counters.u64be(CTA_COUNTERS_BYTES) ?? 0n };
}
