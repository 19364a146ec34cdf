/** Addresses that follow from other addresses: no allocator, no store, the same on every node and after every restart. */
import type { Ipv4Address } from '../cluster/state.js';
import type { MacAddress } from './objects.js';

/** The fabric's own address, the gateway of tasks and sandbox (link-local, never routed). */
export const fabricGateway: Ipv4Address = '169.254.1.1';

/** The fabric's hardware address on every cable to a sandbox or a task. */
export const fabricGatewayMac: MacAddress = '02:42:a9:fe:01:01';

/** Shared address space (RFC 6598) that router addresses come from. */
export const routerAddresses = '100.64.0.0/10';
const routerPrefix = 0x64400000;
const routerHostBits = 0x003fffff;

export function ipv4ToNumber(address: Ipv4Address): number {
  const bytes = address.split('.').map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) {
    throw new RangeError(`Expected an IPv4 address such as 192.168.56.11, got ${JSON.stringify(address)}`);
  }
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

export function ipv4FromNumber(number: number): Ipv4Address {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** Address of a node's sandbox on the fabric: 100.64.0.0/10 with the low 22 bits of the node's own address. */
export function routerAddress(nodeAddress: Ipv4Address): Ipv4Address {
  return ipv4FromNumber((routerPrefix | (ipv4ToNumber(nodeAddress) & routerHostBits)) >>> 0);
}

/** `10.0.0.5/24` → `10.0.0.0/24`. */
export function subnetOf(address: Ipv4Address, prefixLength: number): string {
  const mask = prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
  return `${ipv4FromNumber((ipv4ToNumber(address) & mask) >>> 0)}/${prefixLength}`;
}

/** The n-th host address of a subnet in CIDR form. */
export function hostOf(subnet: string, n: number): Ipv4Address {
  return ipv4FromNumber(ipv4ToNumber(subnet.slice(0, subnet.indexOf('/'))) + n);
}

/** Prefix length of a subnet in CIDR form. */
export function prefixLengthOf(subnet: string): number {
  return Number(subnet.slice(subnet.indexOf('/') + 1));
}

/**
 * Locally administered hardware address that carries an IPv4 address, as dockerd makes its own (02:42:…).
 * `family` keeps ours apart from each other where one address has two cables.
 */
export function macOf(address: Ipv4Address, family: 'bridge' | 'sandbox' | 'task' | 'vxlan'): MacAddress {
  const second = { bridge: 0x42, sandbox: 0x43, task: 0x44, vxlan: 0x45 }[family];
  const number = ipv4ToNumber(address);
  return [0x02, second, ...[24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
}
