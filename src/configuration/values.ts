/**
 * What each setting may be. A schema's error completes the sentence "Expected `key` to be …", so that every refusal
 * teaches. Names are strict because they reach the kernel and iptables-restore.
 */
import { isAbsolute } from 'node:path';
import { isIPv4 } from 'node:net';
import { protocols } from '../cluster/state.js';
import type { ListenAddress } from '../settings.js';
import { Schema, text, textList } from './schema.js';

/** IFNAMSIZ of linux/if.h is 16 with the closing NUL. */
const longestInterfaceName = 15;
/** XT_EXTENSION_MAXNAMELEN of linux/netfilter/x_tables.h is 29 with the closing NUL; the second chain's name has -PEERS behind it. */
const longestChainName = 28 - '-PEERS'.length;
/** sun_path of linux/un.h is 108 with the closing NUL. */
const longestSocketPath = 107;

/** Words that iptables reads as something else than a chain of ours. */
const takenChains = new Set([
  'PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING',
  'ACCEPT', 'DROP', 'QUEUE', 'RETURN', 'REJECT', 'LOG', 'MARK', 'CONNMARK', 'CT', 'NOTRACK',
  'DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP', 'TPROXY', 'TCPMSS', 'NFLOG', 'NFQUEUE', 'SET', 'TRACE', 'AUDIT',
  'CHECKSUM', 'CLASSIFY', 'DSCP', 'ECN', 'HL', 'HMARK', 'IDLETIMER', 'LED', 'RATEEST', 'SECMARK', 'CONNSECMARK',
  'SYNPROXY', 'TEE', 'TOS', 'TTL', 'DNPT', 'SNPT', 'CLUSTERIP', 'ULOG',
]);

/** A network interface or a network namespace of ours; one alphabet for both. */
export const interfaceName = text(
  `a name of 1 to ${longestInterfaceName} characters out of letters, digits, "_" and "-", the first a letter, such as mesh_sbox`,
  (value) => value.length <= longestInterfaceName && /^[A-Za-z][A-Za-z0-9_-]*$/.test(value),
)
  // net/ipv4/conf/all and default are not devices, and lo is everybody's.
  .refine((value) => !['all', 'default', 'lo'].includes(value), 'a name that the kernel does not use itself');

export const chainName = text(
  `a chain name of 1 to ${longestChainName} characters out of capitals, digits, "_" and "-", such as MESH-INGRESS`,
  (value) => value.length <= longestChainName && /^[A-Z][A-Z0-9_-]*$/.test(value),
)
  .refine((value) => !takenChains.has(value), 'a chain of its own: this word is a built-in chain or target of iptables')
  .refine((value) => !value.startsWith('DOCKER'), "a chain of its own: names that start with DOCKER are dockerd's");

const subnetExample = 'an IPv4 subnet such as 172.30.0.0/24';

export const gatewaySubnet = text(subnetExample, (value) => parseSubnet(value) !== null)
  .refine((value) => fits(value, (subnet) => subnet.prefixLength >= 8 && subnet.prefixLength <= 30), `${subnetExample}, with room for two hosts (a prefix length of 8 to 30)`)
  .refine((value) => fits(value, (subnet) => subnet.first === subnet.address), 'a subnet without host bits: its first address, such as 172.30.0.0/24')
  .refine((value) => fits(value, isForUnicast), `${subnetExample}, of addresses that hosts may have (not 0/8, not loopback, multicast or reserved)`)
  .refine((value) => fits(value, (subnet) => !overlaps(subnet, routerAddresses)), 'a subnet outside of 100.64.0.0/10, in which the router addresses are');

export interface Subnet {
  /** Unsigned 32-bit numbers. */
  readonly address: number;
  readonly first: number;
  readonly last: number;
  readonly prefixLength: number;
}

/** `172.30.0.0/24`; null for anything else. */
export function parseSubnet(value: string): Subnet | null {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d|[12]\d|3[0-2])$/.exec(value);
  // isIPv4 refuses leading zeros, which some programs read as octal.
  if (match?.[1] === undefined || match[2] === undefined || !isIPv4(match[1])) return null;
  const address = match[1].split('.').reduce((number, byte) => number * 256 + Number(byte), 0);
  const prefixLength = Number(match[2]);
  const size = 2 ** (32 - prefixLength);
  const first = Math.floor(address / size) * size;
  return { address, first, last: first + size - 1, prefixLength };
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.first <= other.last && other.first <= one.last;
}

function fits(value: string, accept: (subnet: Subnet) => boolean): boolean {
  const subnet = parseSubnet(value);
  return subnet !== null && accept(subnet);
}

const routerAddresses: Subnet = { address: 0x64400000, first: 0x64400000, last: 0x647fffff, prefixLength: 10 };

function isForUnicast(subnet: Subnet): boolean {
  const loopback: Subnet = { address: 0x7f000000, first: 0x7f000000, last: 0x7fffffff, prefixLength: 8 };
  return subnet.first >= 0x01000000 && subnet.last < 0xe0000000 && !overlaps(subnet, loopback);
}

const absolutePathExample = 'an absolute path without control characters, such as /run/routemesh/control.sock';

export const absolutePath = text(absolutePathExample, (value) => isAbsolute(value) && value.length <= 4095 && !/\p{Cc}/u.test(value));

export const socketPath = absolutePath.refine((value) => Buffer.byteLength(value) <= longestSocketPath, `an absolute path of at most ${longestSocketPath} bytes: the kernel takes no longer one for a unix socket`);

export const hostName = text('the name or the id of a node, of 1 to 253 letters, digits, ".", "_" and "-"', (value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(value));

const portListExample = `a list of protocol/number (${protocols.join(', ')}; 1 to 65535), such as tcp/22,udp/4789`;

/** An empty list reserves nothing. */
export const portList = textList(portListExample).refine((words) => words.every(isPort), portListExample);

function isPort(word: string): boolean {
  const match = /^([a-z]+)\/([1-9]\d{0,4})$/.exec(word);
  return match !== null && (protocols as readonly string[]).includes(match[1] ?? '') && Number(match[2]) <= 65535;
}

const millisecondsOf: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Becomes milliseconds. */
function durationBetween(shortest: number, longest: number, expected: string) {
  return text(expected)
    .transform((value) => {
      const match = /^(\d{1,7})(ms|s|m|h)$/.exec(value.trim());
      return match === null ? Number.NaN : Number(match[1]) * (millisecondsOf[match[2] ?? ''] ?? Number.NaN);
    })
    .refine((milliseconds) => milliseconds >= shortest && milliseconds <= longest, expected);
}

export const duration = durationBetween(1000, 3_600_000, 'a duration with its unit, from 1s to 1h, such as 2500ms, 10s or 5m');

export const shortDuration = durationBetween(200, 60_000, 'a duration with its unit, from 200ms to 1m, such as 500ms or 2s');

const portExample = 'a port from 1 to 65535, such as 4798';

/** A YAML number, or the word that a flag or the environment gives. */
export const portNumber = new Schema<number>((value) => {
  const word = typeof value === 'number' ? String(value) : value;
  if (typeof word !== 'string' || !/^[1-9]\d{0,4}$/.test(word) || Number(word) > 65535) return { expected: portExample };
  return { accepted: Number(word) };
});

const portCountExample = 'a number of ports from 1 to 200000, or never';

/** A YAML number or a word, as `portNumber`. */
export const portCount = new Schema<number | 'never'>((value) => {
  if (value === 'never') return { accepted: value };
  const word = typeof value === 'number' ? String(value) : value;
  if (typeof word !== 'string' || !/^[1-9]\d{0,5}$/.test(word) || Number(word) > 200_000) return { expected: portCountExample };
  return { accepted: Number(word) };
});

export const ipv4Address = text("one of the node's own IPv4 addresses, such as 192.168.56.11", isNodeAddress);

const listenExample = 'an IPv4 address and a port, such as 127.0.0.1:9798, or a port alone, which is on loopback';

/** 9798, :9798, 127.0.0.1:9798, 0.0.0.0:9798 */
export const listenAddress = new Schema<ListenAddress>((value) => {
  const word = typeof value === 'number' ? String(value) : value;
  const match = typeof word === 'string' ? /^(?:([\d.]*):)?([1-9]\d{0,4})$/.exec(word) : null;
  const [address = '', port] = [match?.[1], Number(match?.[2])];
  if (match === null || port > 65535 || (address !== '' && !isIPv4(address))) return { expected: listenExample };
  return { accepted: { address: address === '' ? '127.0.0.1' : address, port } };
});

const uiExample = "an address of this node and a port, such as 127.0.0.1:8090 (which only this node reaches)";

/** Every address at once (0.0.0.0) is nobody's: who opens the page to others says to which network. */
export const uiAddress = text(uiExample).transform((value) => {
  const [, host = '', port = ''] = /^([a-z0-9.]+):([1-9]\d{0,4})$/.exec(value) ?? [];
  return { address: host === 'localhost' ? '127.0.0.1' : host, port: Number(port) };
}).refine(({ address, port }) => isNodeAddress(address) && port <= 65535, uiExample);

function isNodeAddress(value: string): boolean {
  return isIPv4(value) && !/^(0|22[4-9]|2[3-5]\d)\./.test(value);
}
