/**
 * The C library, through koffi: the only file that imports it. Only integers, bytes and lists of words cross the line.
 *
 * Rules that each cost a crash once:
 * - `koffi.errno()` is read in the very next expression after a call: anything between loses it.
 * - koffi checks no bounds and passes `undefined` as NULL: every buffer here is a non-empty Uint8Array, and its own byteLength is passed.
 * - never a call that blocks for longer than it was told: all sockets are used with MSG_DONTWAIT.
 * Structs are encoded as bytes by their users (named koffi structs clash between jest files of one process).
 */

import koffi from 'koffi';

import { isLittleEndian } from './constants.js';
import { SystemError } from './errors.js';

/** Socket flags (linux/net.h, asm-generic/fcntl.h). */
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
/** recv(2) flags (linux/socket.h). With MSG_TRUNC, recv returns the datagram's real length. */
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** asm-generic/poll.h. */
const POLLIN = 1;

/** The same number on every architecture but alpha (asm-generic/unistd.h). */
const NR_PIDFD_OPEN = 434;

/** fcntl.h, linux/memfd.h, sys/wait.h. */
const MFD_CLOEXEC = 1;
const WNOHANG = 1;
/** asm-generic/resource.h. */
const RLIMIT_FSIZE = 1;
/** spawn.h, of glibc and musl alike. */
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** More than any C library's posix_spawn_file_actions_t, posix_spawnattr_t and sigset_t take (glibc: 80, 336 and 128 bytes). */
const OPAQUE_LENGTH = 1024;

type IntegerCall = (...values: (number | Uint8Array | readonly (string | null)[] | null)[]) => number;

/** The process's own C library, whatever its file is called (glibc, musl). */
const library = koffi.load(null);
const define = (signature: string): IntegerCall => library.func(signature);

const c = {
  close: define('int close(int)'),
  socket: define('int socket(int, int, int)'),
  bind: define('int bind(int, const uint8_t *, uint32_t)'),
  listen: define('int listen(int, int)'),
  send: define('intptr_t send(int, const uint8_t *, size_t, int)'),
  sendto: define('intptr_t sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)'),
  poll: define('int poll(_Inout_ uint8_t *, unsigned long, int)'),
  recv: define('intptr_t recv(int, _Inout_ uint8_t *, size_t, int)'),
  getsockopt: define('int getsockopt(int, int, int, _Inout_ uint8_t *, _Inout_ uint8_t *)'),
  setsockopt: define('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
  setns: define('int setns(int, int)'),
  unshare: define('int unshare(int)'),
  mount: define('int mount(const uint8_t *, const uint8_t *, const uint8_t *, unsigned long, const uint8_t *)'),
  umount2: define('int umount2(const uint8_t *, int)'),
  memfdCreate: define('int memfd_create(const uint8_t *, unsigned int)'),
  prlimit: define('int prlimit(int, int, const uint8_t *, uint8_t *)'),
  waitpid: define('int waitpid(int, _Inout_ uint8_t *, int)'),
  posixSpawn: define('int posix_spawnp(_Inout_ uint8_t *, const uint8_t *, const uint8_t *, const uint8_t *, const char **, const char **)'),
  initialiseActions: define('int posix_spawn_file_actions_init(_Inout_ uint8_t *)'),
  addDuplicate: define('int posix_spawn_file_actions_adddup2(_Inout_ uint8_t *, int, int)'),
  destroyActions: define('int posix_spawn_file_actions_destroy(_Inout_ uint8_t *)'),
  initialiseAttributes: define('int posix_spawnattr_init(_Inout_ uint8_t *)'),
  setAttributeFlags: define('int posix_spawnattr_setflags(_Inout_ uint8_t *, short)'),
  setDefaultSignals: define('int posix_spawnattr_setsigdefault(_Inout_ uint8_t *, const uint8_t *)'),
  setSignalMask: define('int posix_spawnattr_setsigmask(_Inout_ uint8_t *, const uint8_t *)'),
  fillSignals: define('int sigfillset(_Inout_ uint8_t *)'),
  emptySignals: define('int sigemptyset(_Inout_ uint8_t *)'),
  // glibc has pidfd_open(2) by name only since 2.36.
  pidfdOpen: define('long syscall(long, int, unsigned int)'),
};

/** Throws unless `buffer` is a Uint8Array with at least one byte. */
function requireBytes(buffer: Uint8Array, role: string): Uint8Array {
  if (!(buffer instanceof Uint8Array) || buffer.byteLength === 0) {
    throw new TypeError(`Expected ${role} to be a non-empty Uint8Array, got ${buffer instanceof Uint8Array ? 'an empty one' : typeof buffer}`);
  }
  return buffer;
}

/** C would take it to end there. */
function refuseNul(text: string): void {
  if (text.includes('\0')) throw new TypeError(`Expected text without NUL bytes, got ${JSON.stringify(text)}`);
}

/** A NUL-terminated C string. */
function cString(text: string): Uint8Array {
  refuseNul(text);
  return Buffer.from(`${text}\0`);
}

export function close(fd: number, subject: string): void {
  if (c.close(fd) < 0) throw new SystemError('close', koffi.errno(), subject);
}

/** Opens a socket that is close-on-exec and non-blocking. */
export function socket(family: number, type: number, protocol: number, subject: string): number {
  const fd = c.socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) throw new SystemError('socket', koffi.errno(), subject);
  return fd;
}

/** `address` is a whole sockaddr, as bytes. */
export function bind(fd: number, address: Uint8Array, subject: string): void {
  requireBytes(address, 'address');
  if (c.bind(fd, address, address.byteLength) < 0) throw new SystemError('bind', koffi.errno(), subject);
}

export function listen(fd: number, backlog: number, subject: string): void {
  if (c.listen(fd, backlog) < 0) throw new SystemError('listen', koffi.errno(), subject);
}

/** Sends one datagram, never waiting. */
export function send(fd: number, bytes: Uint8Array, subject: string): void {
  requireBytes(bytes, 'bytes');
  if (c.send(fd, bytes, bytes.byteLength, MSG_DONTWAIT) < 0) throw new SystemError('send', koffi.errno(), subject);
}

/** Sends one datagram to an address (a whole sockaddr, as bytes), never waiting. */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array, subject: string): void {
  requireBytes(bytes, 'bytes');
  requireBytes(address, 'address');
  if (c.sendto(fd, bytes, bytes.byteLength, MSG_DONTWAIT, address, address.byteLength) < 0) throw new SystemError('sendto', koffi.errno(), subject);
}

/**
 * Receives one datagram into `buffer`, never waiting.
 * @returns its real length, which is more than the buffer's when it was cut; undefined when there is none.
 */
export function receive(fd: number, buffer: Uint8Array, subject: string): number | undefined {
  requireBytes(buffer, 'buffer');
  const length = c.recv(fd, buffer, buffer.byteLength, MSG_DONTWAIT | MSG_TRUNC);
  if (length >= 0) return length;
  const errno = koffi.errno();
  if (errno === koffi.os.errno.EAGAIN) return undefined;
  throw new SystemError('recv', errno, subject);
}

/**
 * Waits, at most the whole milliseconds, until there is something to read, or the descriptor has failed. Node's event loop
 * waits with it. A signal ends it early.
 */
export function waitReadable(fd: number, milliseconds: number, subject: string): void {
  // struct pollfd (asm-generic/poll.h): fd, events, revents.
  const request = new Uint8Array(8);
  const fields = new DataView(request.buffer);
  fields.setInt32(0, fd, isLittleEndian);
  fields.setInt16(4, POLLIN, isLittleEndian);
  if (c.poll(request, 1, milliseconds) >= 0) return;
  const errno = koffi.errno();
  if (errno !== koffi.os.errno.EINTR) throw new SystemError('poll', errno, subject);
}

export function setSocketOption(fd: number, level: number, option: number, value: number, subject: string): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, isLittleEndian);
  if (c.setsockopt(fd, level, option, bytes, bytes.byteLength) < 0) throw new SystemError('setsockopt', koffi.errno(), subject);
}

export function getSocketOption(fd: number, level: number, option: number, subject: string): number {
  const bytes = new Uint8Array(4);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setInt32(0, bytes.byteLength, isLittleEndian);
  if (c.getsockopt(fd, level, option, bytes, length) < 0) throw new SystemError('getsockopt', koffi.errno(), subject);
  return new DataView(bytes.buffer).getInt32(0, isLittleEndian);
}

/** Moves the calling thread into the namespace of an open file. `type`: CLONE_NEW*, what the file must be. */
export function setns(fd: number, type: number, subject: string): void {
  if (c.setns(fd, type) < 0) throw new SystemError('setns', koffi.errno(), subject);
}

export function unshare(flags: number, subject: string): void {
  if (c.unshare(flags) < 0) throw new SystemError('unshare', koffi.errno(), subject);
}

export function mount(source: string, target: string, type: string, flags: number): void {
  if (c.mount(cString(source), cString(target), cString(type), flags, null) < 0) throw new SystemError('mount', koffi.errno(), target);
}

export function umount2(target: string, flags: number): void {
  if (c.umount2(cString(target), flags) < 0) throw new SystemError('umount2', koffi.errno(), target);
}

/** A descriptor that has something to read once the process has ended. It is close-on-exec by itself. */
export function pidfdOpen(processId: number, subject: string): number {
  const fd = c.pidfdOpen(NR_PIDFD_OPEN, processId, 0);
  if (fd < 0) throw new SystemError('pidfd_open', koffi.errno(), subject);
  return fd;
}

/** An empty file in memory that is closed on exec; the label is for people who look into /proc/PID/fd. */
export function memoryFile(label: string): number {
  const fd = c.memfdCreate(cString(label), MFD_CLOEXEC);
  if (fd < 0) throw new SystemError('memfd_create', koffi.errno(), label);
  return fd;
}

/** Signals as a program expects them: all with their default action, none blocked. */
function defaultSignals(): Uint8Array {
  const [attributes, all, none] = [new Uint8Array(OPAQUE_LENGTH), new Uint8Array(OPAQUE_LENGTH), new Uint8Array(OPAQUE_LENGTH)];
  c.fillSignals(all);
  c.emptySignals(none);
  c.initialiseAttributes(attributes);
  c.setAttributeFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  c.setDefaultSignals(attributes, all);
  c.setSignalMask(attributes, none);
  return attributes;
}

let spawnAttributes: Uint8Array | undefined;

/**
 * Starts a program that is found by PATH, in the calling thread's namespaces, and gives its process's id. Its standard
 * input, output and error are duplicates of the descriptors; nothing else stays open that is closed on exec.
 *
 * posix_spawn(3) shares this process's memory until the program begins (CLONE_VM and CLONE_VFORK): fork(2), by which Node
 * starts programs, has all page tables copied, and each page faults at its next writing.
 */
export function spawn(words: readonly [string, ...string[]], environment: readonly string[], descriptors: readonly [number, number, number]): number {
  for (const word of [...words, ...environment]) refuseNul(word);
  const processId = new Uint8Array(4);
  const actions = new Uint8Array(OPAQUE_LENGTH);
  spawnAttributes ??= defaultSignals();
  c.initialiseActions(actions);
  try {
    for (const [standard, fd] of descriptors.entries()) {
      const errno = c.addDuplicate(actions, fd, standard);
      if (errno !== 0) throw new SystemError('posix_spawn_file_actions_adddup2', errno, words[0]);
    }
    const errno = c.posixSpawn(processId, cString(words[0]), actions, spawnAttributes, [...words, null], [...environment, null]);
    if (errno !== 0) throw new SystemError('posix_spawnp', errno, words[0]);
  } finally {
    c.destroyActions(actions);
  }
  return new DataView(processId.buffer).getInt32(0, isLittleEndian);
}

/** How a child has ended (the status of wait(2)); undefined: it has not. It is forgotten once that was told. */
export function wait(processId: number): number | undefined {
  const status = new Uint8Array(4);
  const ended = c.waitpid(processId, status, WNOHANG);
  if (ended < 0) throw new SystemError('waitpid', koffi.errno(), `process ${processId}`);
  return ended === 0 ? undefined : new DataView(status.buffer).getInt32(0, isLittleEndian);
}

/** The process is killed (SIGXFSZ) when it writes more than so many bytes into one file. */
export function limitFileSize(processId: number, bytes: number): void {
  // struct rlimit: the soft and the hard one.
  const limits = new Uint8Array(16);
  const fields = new DataView(limits.buffer);
  for (const at of [0, 8]) fields.setBigUint64(at, BigInt(bytes), isLittleEndian);
  if (c.prlimit(processId, RLIMIT_FSIZE, limits, null) < 0) throw new SystemError('prlimit', koffi.errno(), `process ${processId}`);
}

/** Watches a file descriptor on Node's own event loop. */
export interface ReadableWatch {
  ref(): void;
  unref(): void;
  /** Stops for good; close the descriptor afterwards. */
  close(): void;
}

/** koffi 3.3.4's poll as it is: the callback gets a libuv status first, whatever its types say. */
type Poll = (fd: number, options: { readable: true }, callback: (status: number, events: unknown) => void) => {
  ref(): void;
  unref(): void;
  stop(): void;
  close(): void;
};

/**
 * Calls back whenever `fd` has something to read. `status` is negative (a libuv error) when polling failed.
 * The result must be kept referenced: the garbage collector closes a forgotten handle.
 */
export function watchReadable(fd: number, onReadable: (status: number) => void): ReadableWatch {
  const handle = (koffi.node.poll as unknown as Poll)(fd, { readable: true }, (status) => {
    onReadable(status);
  });
  let isClosed = false;
  return {
    ref: () => { if (!isClosed) handle.ref(); },
    unref: () => { if (!isClosed) handle.unref(); },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      handle.stop();
      handle.close();
    },
  };
}
