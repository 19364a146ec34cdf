/** Virtual services ↔ attributes (IPVS_SVC_ATTR_*, linux/ip_vs.h). */

import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, isLittleEndian } from '../constants.js';
import { addressBits, familyNumber, familyOf, familyOfNumber, formatAddress, parseAddress, type AddressFamily } from '../inet.js';
import type { TransportProtocol } from '../listen.js';
import { bytes, integers, string, u16, u16be, u32, view, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import {
  IP_VS_SVC_F_ONEPACKET, IP_VS_SVC_F_PERSISTENT, IP_VS_SVC_F_SCHED1, IP_VS_SVC_F_SCHED2, IP_VS_SVC_F_SCHED3, IPVS_SVC_ATTR_ADDR,
  IPVS_SVC_ATTR_AF, IPVS_SVC_ATTR_FLAGS, IPVS_SVC_ATTR_FWMARK, IPVS_SVC_ATTR_NETMASK, IPVS_SVC_ATTR_PE_NAME, IPVS_SVC_ATTR_PORT,
  IPVS_SVC_ATTR_PROTOCOL, IPVS_SVC_ATTR_SCHED_NAME, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64, IPVS_SVC_ATTR_TIMEOUT,
} from './constants.js';
import { decodeStatistics } from './statistics-codec.js';
import type { IpvsStatistics, NewVirtualService, ObservedVirtualService, ServiceKey } from './types.js';

/** union nf_inet_addr: an IPv4 address stands in the first 4 of 16 bytes. */
const ADDRESS_LENGTH = 16;
/** Every flag bit is given by us (struct ip_vs_flags' mask); the kernel keeps its own IP_VS_SVC_F_HASHED. */
const ALL_FLAGS = 0xffffffff;

const PROTOCOL_NUMBERS: Readonly<Record<TransportProtocol, number>> = { tcp: IPPROTO_TCP, udp: IPPROTO_UDP, sctp: IPPROTO_SCTP };

/** The family of a service. */
export function serviceFamily(key: ServiceKey): AddressFamily {
  return key.kind === 'fwmark' ? key.family : familyOf(key.address);
}

/** "fwmark 0x61f90", "tcp 10.0.0.1:80", "tcp [fd00::1]:80": unique among the services of a namespace. */
export function formatServiceKey(key: ServiceKey): string {
  if (key.kind === 'fwmark') return `fwmark 0x${key.fwmark.toString(16)}${key.family === 'inet6' ? ' inet6' : ''}`;
  return `${key.protocol} ${formatEndpoint(key.address, key.port)}`;
}

/** "10.0.0.1:80", "[fd00::1]:80". */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** An address as union nf_inet_addr. */
export function inetAddress(type: number, address: string): Attribute {
  const padded = new Uint8Array(ADDRESS_LENGTH);
  padded.set(parseAddress(address).bytes);
  return bytes(type, padded);
}

/** An address out of union nf_inet_addr. */
export function decodeInetAddress(value: Uint8Array | undefined, family: AddressFamily): string {
  const length = addressBits(family) / 8;
  if (value === undefined || value.length < length) throw new NetlinkDecodeError(`IPVS address of ${value?.length ?? 0} bytes`);
  return formatAddress(value.subarray(0, length));
}

/** The attributes that find a service. */
export function encodeServiceKey(key: ServiceKey): Attribute[] {
  const family = u16(IPVS_SVC_ATTR_AF, familyNumber(serviceFamily(key)));
  if (key.kind === 'fwmark') {
    if (key.fwmark === 0) throw new RangeError('Expected an fwmark from 1 to 0xffffffff, got 0');
    return [family, u32(IPVS_SVC_ATTR_FWMARK, key.fwmark)];
  }
  return [
    family,
    u16(IPVS_SVC_ATTR_PROTOCOL, PROTOCOL_NUMBERS[key.protocol]),
    inetAddress(IPVS_SVC_ATTR_ADDR, key.address),
    u16be(IPVS_SVC_ATTR_PORT, key.port),
  ];
}

/** All attributes of a service, every flag said. */
export function encodeService(service: NewVirtualService): (Attribute | undefined)[] {
  const family = serviceFamily(service.key);
  const prefixLength = service.persistencePrefixLength ?? addressBits(family);
  return [
    ...encodeServiceKey(service.key),
    string(IPVS_SVC_ATTR_SCHED_NAME, service.scheduler),
    flagsAttribute(encodeFlags(service)),
    u32(IPVS_SVC_ATTR_TIMEOUT, service.persistenceSeconds ?? 0),
    netmaskAttribute(family, prefixLength),
    service.persistenceEngine === undefined ? undefined : string(IPVS_SVC_ATTR_PE_NAME, service.persistenceEngine),
  ];
}

function encodeFlags(service: NewVirtualService): number {
  const bits: [boolean | undefined, number][] = [
    [service.persistenceSeconds !== undefined, IP_VS_SVC_F_PERSISTENT],
    [service.onePacket, IP_VS_SVC_F_ONEPACKET],
    [service.schedulerFlags?.flag1, IP_VS_SVC_F_SCHED1],
    [service.schedulerFlags?.flag2, IP_VS_SVC_F_SCHED2],
    [service.schedulerFlags?.flag3, IP_VS_SVC_F_SCHED3],
  ];
  return bits.reduce((flags, [isSet, bit]) => (isSet === true ? flags | bit : flags), 0);
}

/** struct ip_vs_flags. */
function flagsAttribute(flags: number): Attribute {
  return integers(IPVS_SVC_ATTR_FLAGS, 4, [flags, ALL_FLAGS]);
}

/** IPv4: a mask in network order; IPv6: a prefix length (ip_vs_genl_parse_service() in ip_vs_ctl.c). */
function netmaskAttribute(family: AddressFamily, prefixLength: number): Attribute {
  if (!Number.isInteger(prefixLength) || prefixLength < 1 || prefixLength > addressBits(family)) {
    throw new RangeError(`Expected a persistence prefix length from 1 to ${addressBits(family)}, got ${prefixLength}`);
  }
  if (family === 'inet6') return u32(IPVS_SVC_ATTR_NETMASK, prefixLength);
  const mask = new Uint8Array(4);
  view(mask).setUint32(0, (0xffffffff << (32 - prefixLength)) >>> 0);
  return bytes(IPVS_SVC_ATTR_NETMASK, mask);
}

function decodeNetmask(value: Uint8Array | undefined, family: AddressFamily): number {
  if (value?.length !== 4) return addressBits(family);
  if (family === 'inet6') return view(value).getUint32(0, isLittleEndian);
  return Math.clz32(~view(value).getUint32(0));
}

/** Decodes the nested attributes of a service. Throws NetlinkDecodeError. */
export function decodeService(attributes: AttributeMap): ObservedVirtualService {
  return new DecodedService(attributes);
}

class DecodedService implements ObservedVirtualService {
  readonly key: ServiceKey;
  readonly scheduler: string;
  readonly persistenceSeconds: number | undefined;
  readonly persistencePrefixLength: number;
  readonly onePacket: boolean;
  readonly schedulerFlags: NonNullable<ObservedVirtualService['schedulerFlags']>;
  readonly persistenceEngine: string | undefined;
  readonly flags: number;
  readonly #attributes: AttributeMap;

  constructor(attributes: AttributeMap) {
    const family = familyOfNumber(attributes.u16(IPVS_SVC_ATTR_AF) ?? 0);
    if (family === undefined) throw new NetlinkDecodeError('IPVS service of an unknown address family');
    const flags = decodeFlags(attributes.bytes(IPVS_SVC_ATTR_FLAGS));
    const isSet = (bit: number): boolean => (flags & bit) !== 0;
    this.key = decodeServiceKey(attributes, family);
    this.scheduler = attributes.string(IPVS_SVC_ATTR_SCHED_NAME) ?? '';
    this.persistenceSeconds = isSet(IP_VS_SVC_F_PERSISTENT) ? attributes.u32(IPVS_SVC_ATTR_TIMEOUT) ?? 0 : undefined;
    this.persistencePrefixLength = decodeNetmask(attributes.bytes(IPVS_SVC_ATTR_NETMASK), family);
    this.onePacket = isSet(IP_VS_SVC_F_ONEPACKET);
    this.schedulerFlags = { flag1: isSet(IP_VS_SVC_F_SCHED1), flag2: isSet(IP_VS_SVC_F_SCHED2), flag3: isSet(IP_VS_SVC_F_SCHED3) };
    this.persistenceEngine = attributes.string(IPVS_SVC_ATTR_PE_NAME);
    this.flags = flags;
    this.#attributes = attributes;
  }

  /** Decoded when it is asked for, as those of destinations. */
  get statistics(): IpvsStatistics {
    return decodeStatistics(this.#attributes, IPVS_SVC_ATTR_STATS64, IPVS_SVC_ATTR_STATS);
  }
}

function decodeServiceKey(attributes: AttributeMap, family: AddressFamily): ServiceKey {
  const fwmark = attributes.u32(IPVS_SVC_ATTR_FWMARK);
  if (fwmark !== undefined) return { kind: 'fwmark', family, fwmark };
  const number = attributes.u16(IPVS_SVC_ATTR_PROTOCOL);
  const protocol = (Object.keys(PROTOCOL_NUMBERS) as TransportProtocol[]).find((name) => PROTOCOL_NUMBERS[name] === number);
  const port = attributes.u16be(IPVS_SVC_ATTR_PORT);
  if (protocol === undefined || port === undefined) throw new NetlinkDecodeError(`IPVS service of protocol ${number ?? 'none'}`);
  return { kind: 'address', protocol, address: decodeInetAddress(attributes.bytes(IPVS_SVC_ATTR_ADDR), family), port };
}

/** The first half of struct ip_vs_flags. */
function decodeFlags(value: Uint8Array | undefined): number {
  return value === undefined || value.length < 4 ? 0 : view(value).getUint32(0, isLittleEndian);
}
