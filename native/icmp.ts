/**
 * ICMP echo (RFC 792) from inside of a network namespace: asks another kernel whether it is there, and reads the answers
 * on Node's own event loop.
 */

import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';

import { AF_INET, IPPROTO_ICMP, isLittleEndian, SOCK_RAW } from './constants.js';
import { formatAddress, parseAddress } from './inet.js';
import * as libc from './libc.js';
import { enter, type NetworkNamespace } from './netns.js';

/** SOL_RAW of linux/socket.h; ICMP_FILTER of linux/icmp.h: a bit for each type of message that is kept back. */
const SOL_RAW = 255;
const ICMP_FILTER = 1;
/** linux/icmp.h. */
const ICMP_ECHOREPLY = 0;
const ICMP_ECHO = 8;
const ICMP_HEADER_LENGTH = 8;
const IPV4_HEADER_LENGTH = 20;

export interface EchoReply {
  /** Who answered. */
  readonly source: string;
  /** 0–65535, as they were asked. */
  readonly identifier: number;
  readonly sequence: number;
}

export interface EchoSocketOptions {
  readonly namespace: NetworkNamespace;
  /** Address of the namespace that requests are sent from, and answers expected at. */
  readonly source: string;
  readonly onReply: (reply: EchoReply) => void;
  /** The socket broke and has closed itself. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Most answers read in one turn. */
const REPLIES_PER_TURN = 1000;
/** Destinations whose encoding is kept: mostly the same few are asked, several times a second. */
const ADDRESSES_KEPT = 1000;
const buffer = new Uint8Array(2048);

/** A raw socket that hears echo replies only. It keeps its namespace alive: close it when the namespace is to go. */
export class EchoSocket {
  private readonly identifier = randomInt(1, 0x10000);
  private watch: libc.ReadableWatch | null = null;
  private isOpen = true;
  private readonly socketAddresses = new Map<string, Uint8Array>();

  private constructor(
    private readonly fd: number,
    private readonly label: string,
    private readonly options: EchoSocketOptions,
  ) {}

  /** @throws SystemError EADDRNOTAVAIL when the namespace does not have the source address */
  static open(options: EchoSocketOptions): EchoSocket {
    const label = `ICMP socket in ${options.namespace.label}`;
    const fd = enter(options.namespace, () => libc.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP, label));
    try {
      libc.setSocketOption(fd, SOL_RAW, ICMP_FILTER, ~(1 << ICMP_ECHOREPLY), label);
      libc.bind(fd, socketAddress(options.source), label);
    } catch (error) {
      libc.close(fd, label);
      throw error;
    }
    const socket = new EchoSocket(fd, label, options);
    socket.listen(true);
    return socket;
  }

  /** Whether answers are handed over as they come, which wakes the program for each, or only by `read`. True at first. */
  listen(asTheyCome: boolean): void {
    if (!this.isOpen || asTheyCome === (this.watch !== null)) return;
    this.watch?.close();
    this.watch = asTheyCome ? libc.watchReadable(this.fd, () => { this.read(); }) : null;
    this.watch?.unref();
  }

  /**
   * Sends one echo request; never waits for the answer.
   * @throws SystemError ENETUNREACH, EPERM (a packet filter), ENOBUFS…: nothing was sent
   */
  send(destination: string, sequence: number): void {
    libc.sendTo(this.fd, encodeEchoRequest(this.identifier, sequence), this.socketAddressOf(destination), this.label);
  }

  private socketAddressOf(destination: string): Uint8Array {
    const known = this.socketAddresses.get(destination);
    if (known !== undefined) return known;
    if (this.socketAddresses.size === ADDRESSES_KEPT) this.socketAddresses.clear();
    const encoded = socketAddress(destination);
    this.socketAddresses.set(destination, encoded);
    return encoded;
  }

  /** Hands over what has come in since. */
  read(): void {
    try {
      for (let turn = 0; this.isOpen && turn < REPLIES_PER_TURN; turn += 1) {
        const length = libc.receive(this.fd, buffer, this.label);
        if (length === undefined) return;
        const reply = decodeEchoReply(buffer.subarray(0, Math.min(length, buffer.byteLength)));
        if (reply?.identifier === this.identifier) this.options.onReply(reply);
      }
    } catch (error) {
      this.close();
      this.options.onError?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The same until it is enough, for so many milliseconds at most, in which the program does nothing else. */
  readWithin(milliseconds: number, isEnough: () => boolean): void {
    const end = performance.now() + milliseconds;
    this.read();
    for (let left = milliseconds; this.isOpen && left > 0 && !isEnough(); left = end - performance.now()) {
      libc.waitReadable(this.fd, Math.ceil(left), this.label);
      this.read();
    }
  }

  /** Idempotent. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.watch?.close();
    libc.close(this.fd, this.label);
  }
}

/** An ICMP message without payload; the kernel puts the IP header before it. */
export function encodeEchoRequest(identifier: number, sequence: number): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER_LENGTH);
  const fields = new DataView(message.buffer);
  fields.setUint8(0, ICMP_ECHO);
  fields.setUint16(4, identifier & 0xffff);
  fields.setUint16(6, sequence & 0xffff);
  fields.setUint16(2, internetChecksum(message));
  return message;
}

/** From a whole IPv4 packet, as raw sockets give it; undefined for anything that is no well-formed echo reply. */
export function decodeEchoReply(packet: Uint8Array): EchoReply | undefined {
  if (packet.byteLength < IPV4_HEADER_LENGTH) return undefined;
  const headerLength = ((packet[0] ?? 0) & 0x0f) * 4;
  const isIpv4 = (packet[0] ?? 0) >>> 4 === 4 && packet[9] === IPPROTO_ICMP;
  const message = packet.subarray(headerLength);
  if (!isIpv4 || headerLength < IPV4_HEADER_LENGTH || message.byteLength < ICMP_HEADER_LENGTH) return undefined;
  if (message[0] !== ICMP_ECHOREPLY || internetChecksum(message) !== 0) return undefined;
  const fields = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return { source: formatAddress(packet.slice(12, 16)), identifier: fields.getUint16(4), sequence: fields.getUint16(6) };
}

/** RFC 1071; 0 over a message that carries its own right checksum. */
export function internetChecksum(message: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < message.byteLength; index += 2) sum += ((message[index] ?? 0) << 8) | (message[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** struct sockaddr_in (linux/in.h), port 0. */
function socketAddress(address: string): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint16(0, AF_INET, isLittleEndian);
  bytes.set(parseAddress(address).bytes, 4);
  return bytes;
}
