/**
 * A netlink socket with a synchronous request API.
 *
 * The kernel works through a request inside send(2) and has queued every answer when the call returns, so nothing waits and
 * nothing needs to be asynchronous. Many messages travel in one send; only the last of them asks for an acknowledgement,
 * since the kernel answers a refused message in any case (netlink_rcv_skb() in net/netlink/af_netlink.c).
 */

import { AF_NETLINK, isLittleEndian, SO_RCVBUF, SO_RCVBUFFORCE, SOCK_RAW, SOL_NETLINK, SOL_SOCKET } from '../constants.js';
import { SystemError } from '../errors.js';
import * as libc from '../libc.js';
import { enter, type NetworkNamespace } from '../netns.js';
import { view } from './attributes.js';
import {
  NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK,
  NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN,
} from './constants.js';
import { NetlinkDumpInterruptedError, NetlinkError, NetlinkNoAnswerError } from './errors.js';
import {
  decodeAcknowledgement, decodeDone, decodeMessages, messageLength, writeMessage,
  type NetlinkMessage, type NetlinkResult, type ReceivedMessage,
} from './message.js';

/** Bytes for answers to queue up in: room for a whole batch in which every message is refused, or answered with a link. */
const RECEIVE_BUFFER_BYTES = 4 << 20;
/** Most messages, and bytes, in one send. */
const BATCH_MESSAGES = 256;
const BATCH_BYTES = 64 << 10;
/** How often a dump is begun again when the table changes meanwhile. */
const DUMP_ATTEMPTS = 10;
/** Of a request that the kernel has nothing to say to. */
const DONE: NetlinkResult = { ok: true, replies: [] };
/** Larger than any datagram of the kernel's (it fills at most 32 KiB of a dump, a single big object may be more). */
const datagramBuffer = new Uint8Array(256 << 10);

export class NetlinkSocket {
  private sequence = 1;
  private isClosed = false;

  private constructor(
    private readonly fd: number,
    private readonly label: string,
  ) {}

  /**
   * Opens a socket that lives in `namespace` (in this thread's own when left out).
   * @param protocol NETLINK_* (linux/netlink.h)
   * @throws SystemError
   */
  static open(protocol: number, namespace?: NetworkNamespace): NetlinkSocket {
    const label = `netlink socket (protocol ${protocol}${namespace === undefined ? '' : ` in ${namespace.label}`})`;
    const create = (): number => libc.socket(AF_NETLINK, SOCK_RAW, protocol, label);
    const fd = namespace === undefined ? create() : enter(namespace, create);
    try {
      libc.bind(fd, netlinkAddress(), label);
      growReceiveBuffer(fd, label);
      libc.setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1, label);
      libc.setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1, label);
      // Kernel 4.20 and later: dumps filter in the kernel and refuse what they don't understand.
      libc.setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1, label);
    } catch (error) {
      libc.close(fd, label);
      throw error;
    }
    return new NetlinkSocket(fd, label);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    libc.close(this.fd, this.label);
  }

  /** The open file descriptor. Throws once closed. */
  get fileDescriptor(): number {
    if (this.isClosed) throw new Error(`${this.label} is closed`);
    return this.fd;
  }

  /**
   * Sends all messages in as few sends as possible.
   * @returns one result for each, in order; a refused message does not stop those behind it
   * @throws SystemError when the socket itself fails
   */
  request(messages: readonly NetlinkMessage[]): NetlinkResult[] {
    const results: NetlinkResult[] = [];
    for (const batch of batches(messages)) results.push(...this.exchange(batch));
    return results;
  }

  /** As `request`, but throws the first refusal, after all were tried. */
  execute(messages: readonly NetlinkMessage[]): void {
    throwFirstRefusal(this.request(messages));
  }

  /**
   * Reads a whole table (NLM_F_DUMP), again when it changed meanwhile.
   * @throws NetlinkError when refused, NetlinkDumpInterruptedError when it never kept still
   */
  dump(message: NetlinkMessage): ReceivedMessage[] {
    for (let attempt = 1; attempt <= DUMP_ATTEMPTS; attempt++) {
      const replies = this.dumpOnce(message);
      if (replies !== undefined) return replies;
    }
    throw new NetlinkDumpInterruptedError(message.description, DUMP_ATTEMPTS);
  }

  /** Sends one batch and gathers its answers by sequence number. */
  private exchange(batch: readonly NetlinkMessage[]): NetlinkResult[] {
    return withoutStackTraces(() => this.exchangeBatch(batch));
  }

  private exchangeBatch(batch: readonly NetlinkMessage[]): NetlinkResult[] {
    const first = this.takeSequences(batch.length);
    const last = first + batch.length - 1;
    const datagram = new Uint8Array(batch.reduce((sum, message) => sum + messageLength(message), 0));
    let offset = 0;
    batch.forEach((message, index) => {
      const acknowledge = first + index === last ? NLM_F_ACK : 0;
      writeMessage(datagram, offset, message, message.flags | NLM_F_REQUEST | acknowledge, first + index);
      offset += messageLength(message);
    });
    libc.send(this.fileDescriptor, datagram, this.label);

    const replies = new Map<number, ReceivedMessage[]>();
    const errors = new Map<number, NetlinkError>();
    const lost = this.gather(first, last, (reply, index) => {
      if (reply.type !== NLMSG_ERROR) {
        const before = replies.get(index);
        if (before === undefined) replies.set(index, [reply]);
        else before.push(reply);
        return false;
      }
      const details = decodeAcknowledgement(reply);
      if (details.errno !== 0) errors.set(index, new NetlinkError(batch[index]?.description ?? '', details));
      return first + index === last;
    });
    return batch.map((message, index): NetlinkResult => {
      const error = errors.get(index);
      if (error !== undefined) return { ok: false, error };
      if (lost !== undefined) return { ok: false, error: new NetlinkNoAnswerError(message.description, lost) };
      const answer = replies.get(index);
      return answer === undefined ? DONE : { ok: true, replies: answer };
    });
  }

  /** One reading of a table; undefined when it changed meanwhile (NLM_F_DUMP_INTR). */
  private dumpOnce(message: NetlinkMessage): ReceivedMessage[] | undefined {
    const sequence = this.takeSequences(1);
    const datagram = new Uint8Array(messageLength(message));
    writeMessage(datagram, 0, message, message.flags | NLM_F_REQUEST | NLM_F_DUMP, sequence);
    libc.send(this.fileDescriptor, datagram, this.label);

    const replies: ReceivedMessage[] = [];
    let isInterrupted = false;
    const lost = this.gather(sequence, sequence, (reply) => {
      isInterrupted ||= (reply.flags & NLM_F_DUMP_INTR) !== 0;
      if (reply.type !== NLMSG_ERROR && reply.type !== NLMSG_DONE) {
        replies.push(reply);
        return false;
      }
      const details = reply.type === NLMSG_ERROR ? decodeAcknowledgement(reply) : decodeDone(reply);
      if (details.errno !== 0) throw new NetlinkError(message.description, details);
      return true;
    });
    if (lost !== undefined) throw new NetlinkNoAnswerError(message.description, lost);
    return isInterrupted ? undefined : replies;
  }

  /**
   * Hands every answer to the sequence numbers `first` to `last` to `take`, until that says the exchange is complete.
   * @returns why it is incomplete, or undefined
   */
  private gather(first: number, last: number, take: (reply: ReceivedMessage, index: number) => boolean): string | undefined {
    let isComplete = false;
    try {
      while (!isComplete) {
        const datagram = this.receive();
        if (typeof datagram === 'string') return datagram;
        for (const message of decodeMessages(datagram)) {
          if (message.type === NLMSG_NOOP || message.type === NLMSG_OVERRUN) continue;
          // Left over from an exchange that was given up.
          if (message.sequence < first || message.sequence > last) continue;
          if (take(message, message.sequence - first)) isComplete = true;
        }
      }
      return undefined;
    } finally {
      if (!isComplete) this.drain();
    }
  }

  /** The next datagram, copied; or, in words, why there is none. */
  private receive(): Uint8Array | string {
    try {
      const length = libc.receive(this.fileDescriptor, datagramBuffer, this.label);
      if (length === undefined) return 'nothing more to receive';
      if (length > datagramBuffer.length) return `a datagram of ${length} bytes was cut`;
      return datagramBuffer.slice(0, length);
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ENOBUFS') return 'the receive buffer overflowed';
      throw error;
    }
  }

  /** Throws away what is queued, so that a broken-off dump is ended and does not make the next one EBUSY. */
  private drain(): void {
    for (let datagram = this.receive(); typeof datagram !== 'string' || datagram.includes('overflowed'); datagram = this.receive());
  }

  /** Reserves sequence numbers; they start again long before 2³². */
  private takeSequences(count: number): number {
    if (this.sequence > 0x7fffffff) this.sequence = 1;
    const first = this.sequence;
    this.sequence += count;
    return first;
  }
}

/** Throws the first refusal of a batch, with the stack of whoever asked. */
export function throwFirstRefusal(results: readonly NetlinkResult[]): void {
  for (const result of results) {
    if (result.ok) continue;
    Error.captureStackTrace(result.error, throwFirstRefusal);
    throw result.error;
  }
}

/** Errors that are results and not thrown need no stack: thousands of them (EEXIST) would cost more than the kernel's work. */
function withoutStackTraces<Result>(action: () => Result): Result {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return action();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** struct sockaddr_nl with port id 0 (the kernel chooses) and no groups. */
function netlinkAddress(): Uint8Array {
  const address = new Uint8Array(12);
  view(address).setUint16(0, AF_NETLINK, isLittleEndian);
  return address;
}

/** Beyond net.core.rmem_max where this process may; as far as that allows otherwise. */
export function growReceiveBuffer(fd: number, label: string): void {
  try {
    libc.setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES, label);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EPERM') throw error;
    libc.setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES, label);
  }
}

/** Cuts a list into runs that fit into one send. */
function* batches(messages: readonly NetlinkMessage[]): Generator<NetlinkMessage[]> {
  let batch: NetlinkMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const length = messageLength(message);
    if (batch.length === BATCH_MESSAGES || (batch.length > 0 && bytes + length > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += length;
  }
  if (batch.length > 0) yield batch;
}
