/** Destinations (real servers) ↔ attributes (IPVS_DEST_ATTR_*, linux/ip_vs.h). */

import { familyNumber, familyOf, familyOfNumber, type AddressFamily } from '../inet.js';
import { u16, u16be, u32, u8, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import {
  IP_VS_CONN_F_DROUTE, IP_VS_CONN_F_FWD_MASK, IP_VS_CONN_F_LOCALNODE, IP_VS_CONN_F_MASQ, IP_VS_CONN_F_TUNNEL,
  IP_VS_CONN_F_TUNNEL_TYPE_GRE, IP_VS_CONN_F_TUNNEL_TYPE_GUE, IP_VS_CONN_F_TUNNEL_TYPE_IPIP, IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
  IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM, IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM, IPVS_DEST_ATTR_ACTIVE_CONNS, IPVS_DEST_ATTR_ADDR,
  IPVS_DEST_ATTR_ADDR_FAMILY, IPVS_DEST_ATTR_FWD_METHOD, IPVS_DEST_ATTR_INACT_CONNS, IPVS_DEST_ATTR_L_THRESH,
  IPVS_DEST_ATTR_PERSIST_CONNS, IPVS_DEST_ATTR_PORT, IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64, IPVS_DEST_ATTR_TUN_FLAGS,
  IPVS_DEST_ATTR_TUN_PORT, IPVS_DEST_ATTR_TUN_TYPE, IPVS_DEST_ATTR_U_THRESH, IPVS_DEST_ATTR_WEIGHT,
} from './constants.js';
import { decodeInetAddress, inetAddress } from './service-codec.js';
import { decodeStatistics } from './statistics-codec.js';
import type { DestinationKey, ForwardingMethod, IpvsStatistics, NewDestination, ObservedDestination, TunnelChecksum, TunnelEncapsulation } from './types.js';

const FORWARDING_NUMBERS: Readonly<Record<ForwardingMethod, number>> = {
  masquerade: IP_VS_CONN_F_MASQ, local: IP_VS_CONN_F_LOCALNODE, tunnel: IP_VS_CONN_F_TUNNEL, 'direct-route': IP_VS_CONN_F_DROUTE,
};

const CHECKSUM_NUMBERS: Readonly<Record<TunnelChecksum, number>> = {
  none: IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM, checksum: IP_VS_TUNNEL_ENCAP_FLAG_CSUM, remote: IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
};

/** Most that IPVS takes: its weights are signed ints, and schedulers multiply them. */
const MAX_WEIGHT = 65535;

/** The attributes that find a destination within its service. */
export function encodeDestinationKey(key: DestinationKey): Attribute[] {
  return [
    u16(IPVS_DEST_ATTR_ADDR_FAMILY, familyNumber(familyOf(key.address))),
    inetAddress(IPVS_DEST_ATTR_ADDR, key.address),
    u16be(IPVS_DEST_ATTR_PORT, key.port),
  ];
}

/** All attributes of a destination. */
export function encodeDestination(destination: NewDestination): Attribute[] {
  const weight = destination.weight ?? 1;
  if (!Number.isInteger(weight) || weight < 0 || weight > MAX_WEIGHT) {
    throw new RangeError(`Expected a weight from 0 to ${MAX_WEIGHT}, got ${weight}`);
  }
  return [
    ...encodeDestinationKey(destination),
    u32(IPVS_DEST_ATTR_FWD_METHOD, FORWARDING_NUMBERS[destination.forwarding ?? 'masquerade']),
    u32(IPVS_DEST_ATTR_WEIGHT, weight),
    u32(IPVS_DEST_ATTR_U_THRESH, destination.upperThreshold ?? 0),
    u32(IPVS_DEST_ATTR_L_THRESH, destination.lowerThreshold ?? 0),
    ...(destination.tunnel === undefined ? [] : encodeTunnel(destination.tunnel)),
  ];
}

function encodeTunnel(tunnel: TunnelEncapsulation): Attribute[] {
  switch (tunnel.type) {
    case 'ipip':
      return [u8(IPVS_DEST_ATTR_TUN_TYPE, IP_VS_CONN_F_TUNNEL_TYPE_IPIP)];
    case 'gue':
      return [
        u8(IPVS_DEST_ATTR_TUN_TYPE, IP_VS_CONN_F_TUNNEL_TYPE_GUE),
        u16be(IPVS_DEST_ATTR_TUN_PORT, tunnel.port),
        u16(IPVS_DEST_ATTR_TUN_FLAGS, CHECKSUM_NUMBERS[tunnel.checksum]),
      ];
    case 'gre':
      return [u8(IPVS_DEST_ATTR_TUN_TYPE, IP_VS_CONN_F_TUNNEL_TYPE_GRE), u16(IPVS_DEST_ATTR_TUN_FLAGS, CHECKSUM_NUMBERS[tunnel.checksum])];
  }
}

/**
 * Decodes the nested attributes of a destination.
 * @param serviceFamily its family where it does not say its own (before Linux 3.18)
 * @throws NetlinkDecodeError
 */
export function decodeDestination(attributes: AttributeMap, serviceFamily: AddressFamily): ObservedDestination {
  return new DecodedDestination(attributes, serviceFamily);
}

class DecodedDestination implements ObservedDestination {
  readonly address: string;
  readonly port: number;
  readonly forwarding: ForwardingMethod;
  readonly tunnel: TunnelEncapsulation | undefined;
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly #attributes: AttributeMap;

  constructor(attributes: AttributeMap, serviceFamily: AddressFamily) {
    const family = familyOfNumber(attributes.u16(IPVS_DEST_ATTR_ADDR_FAMILY) ?? 0) ?? serviceFamily;
    const port = attributes.u16be(IPVS_DEST_ATTR_PORT);
    if (port === undefined) throw new NetlinkDecodeError('IPVS destination without a port');
    this.address = decodeInetAddress(attributes.bytes(IPVS_DEST_ATTR_ADDR), family);
    this.port = port;
    this.forwarding = decodeForwarding(attributes.u32(IPVS_DEST_ATTR_FWD_METHOD) ?? 0);
    this.tunnel = this.forwarding === 'tunnel' ? decodeTunnel(attributes) : undefined;
    this.weight = attributes.u32(IPVS_DEST_ATTR_WEIGHT) ?? 0;
    this.upperThreshold = attributes.u32(IPVS_DEST_ATTR_U_THRESH) ?? 0;
    this.lowerThreshold = attributes.u32(IPVS_DEST_ATTR_L_THRESH) ?? 0;
    this.activeConnections = attributes.u32(IPVS_DEST_ATTR_ACTIVE_CONNS) ?? 0;
    this.inactiveConnections = attributes.u32(IPVS_DEST_ATTR_INACT_CONNS) ?? 0;
    this.persistentConnections = attributes.u32(IPVS_DEST_ATTR_PERSIST_CONNS) ?? 0;
    this.#attributes = attributes;
  }

  /** Decoded when it is asked for: of 50,000 destinations few are. */
  get statistics(): IpvsStatistics {
    return decodeStatistics(this.#attributes, IPVS_DEST_ATTR_STATS64, IPVS_DEST_ATTR_STATS);
  }
}

function decodeForwarding(flags: number): ForwardingMethod {
  const number = flags & IP_VS_CONN_F_FWD_MASK;
  const method = (Object.keys(FORWARDING_NUMBERS) as ForwardingMethod[]).find((name) => FORWARDING_NUMBERS[name] === number);
  if (method === undefined) throw new NetlinkDecodeError(`IPVS forwarding method ${number}`);
  return method;
}

function decodeTunnel(attributes: AttributeMap): TunnelEncapsulation {
  const flags = attributes.u16(IPVS_DEST_ATTR_TUN_FLAGS) ?? 0;
  switch (attributes.u8(IPVS_DEST_ATTR_TUN_TYPE) ?? IP_VS_CONN_F_TUNNEL_TYPE_IPIP) {
    case IP_VS_CONN_F_TUNNEL_TYPE_IPIP:
      return { type: 'ipip' };
    case IP_VS_CONN_F_TUNNEL_TYPE_GUE:
      return { type: 'gue', port: attributes.u16be(IPVS_DEST_ATTR_TUN_PORT) ?? 0, checksum: gueChecksum(flags) };
    case IP_VS_CONN_F_TUNNEL_TYPE_GRE:
      return { type: 'gre', checksum: (flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM) === 0 ? 'none' : 'checksum' };
    default:
      throw new NetlinkDecodeError('IPVS destination with an unknown tunnel type');
  }
}

function gueChecksum(flags: number): TunnelChecksum {
  if ((flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM) !== 0) return 'remote';
  return (flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM) === 0 ? 'none' : 'checksum';
}
