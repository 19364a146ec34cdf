/**
 * Network namespaces: open, enter, and the named ones under /run/netns that iproute2 sees too.
 * Call `initialise()` once, before anything else here.
 */

import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, fstatSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import { CLONE_NEWNET, MNT_DETACH, MS_BIND, MS_REC, MS_SHARED, NSFS_MAGIC } from './constants.js';
import { SystemError, systemErrorFrom } from './errors.js';
import * as libc from './libc.js';

/** Where iproute2 keeps names (NETNS_RUN_DIR, usually reached as /var/run/netns). */
export const NAMED_NAMESPACES_DIRECTORY = '/run/netns';
/** The namespace of the calling thread; /proc/self would be that of the main thread. */
const OWN_NAMESPACE_PATH = '/proc/thread-self/ns/net';
/** Names stack up when one is mounted over and over; no one does that more often. */
const MAX_STACKED_MOUNTS = 64;

/** Device and inode of a namespace's file: equal exactly when two handles are the same namespace. */
export interface NamespaceIdentity {
  readonly device: number;
  readonly inode: number;
}

/** An open network namespace. It stays alive while the handle is open, whatever becomes of its name or process. */
export class NetworkNamespace {
  private fd: number;
  readonly identity: NamespaceIdentity;

  private constructor(
    /** For error texts: "mesh_sbox", "process 4711", a path. */
    readonly label: string,
    path: string,
  ) {
    this.fd = openNamespaceFile(path, label);
    const { dev, ino } = fstatSync(this.fd);
    this.identity = { device: dev, inode: ino };
  }

  /** Opens a named namespace (/run/netns/NAME). Throws SystemError: ENOENT when there is none, EINVAL when the name is stale. */
  static named(name: string): NetworkNamespace {
    return new NetworkNamespace(name, namedNamespacePath(name));
  }
  /** Opens the network namespace that a process lives in. Throws SystemError ENOENT when the process is gone. */
  static ofProcess(processId: number): NetworkNamespace {
    if (!Number.isSafeInteger(processId) || processId < 1) throw new TypeError(`Expected a process id, got ${processId}`);
    return new NetworkNamespace(`process ${processId}`, `/proc/${processId}/ns/net`);
  }
  /** Opens a namespace by the path of its file. */
  static at(path: string): NetworkNamespace {
    return new NetworkNamespace(path, path);
  }
  /** Opens the namespace that this thread is in. */
  static current(): NetworkNamespace {
    return new NetworkNamespace('own namespace', OWN_NAMESPACE_PATH);
  }

  /** The open file descriptor. Throws once closed. */
  get fileDescriptor(): number {
    if (this.fd < 0) throw new Error(`The handle of network namespace ${this.label} is closed`);
    return this.fd;
  }
  isSameAs(other: NetworkNamespace): boolean {
    return this.identity.device === other.identity.device && this.identity.inode === other.identity.inode;
  }
  /** Idempotent. */
  close(): void {
    if (this.fd < 0) return;
    closeSync(this.fd);
    this.fd = -1;
  }
}

function openNamespaceFile(path: string, label: string): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw systemErrorFrom(error, 'open', `network namespace ${label}`);
  }
  if (!isNamespaceFile(`/proc/thread-self/fd/${fd}`)) {
    closeSync(fd);
    throw new SystemError('open', 22 /* EINVAL */, `network namespace ${label} (${path} is a plain file: its namespace is gone)`);
  }
  return fd;
}

function isNamespaceFile(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

let initialisation: Promise<void> | undefined;

/** Prepares this process for `enter`: starts libuv's threads in the namespace that they will stay in for ever. Idempotent. */
export function initialise(): Promise<void> {
  initialisation ??= stat('/').then(() => undefined);
  return initialisation;
}

/**
 * Runs `action` inside a namespace, in one synchronous turn: setns there, action, setns back.
 * Sockets made, files under /proc/sys/net read and children spawned by the action belong to that namespace.
 * A promise returned by `action` is a TypeError; when the way back fails the process aborts, since everything after would
 * happen in the wrong namespace.
 * @throws SystemError when the namespace cannot be entered
 */
export function enter<Result>(namespace: NetworkNamespace, action: () => Result): Result {
  const from = here();
  libc.setns(namespace.fileDescriptor, CLONE_NEWNET, `network namespace ${namespace.label}`);
  const outer = entered;
  entered = namespace;
  let result: Result;
  try {
    result = action();
  } finally {
    entered = outer;
    goBack(from);
  }
  if (isThenable(result)) throw new TypeError('Expected the action of enter() to be synchronous, but it returned a promise');
  return result;
}

/** This thread's own namespace, opened once: it leaves that only in this file, and is back by the end of the turn. */
let home: NetworkNamespace | undefined;
/** The one that it has entered for a moment. */
let entered: NetworkNamespace | undefined;

function here(): NetworkNamespace {
  return entered ?? (home ??= NetworkNamespace.current());
}

function goBack(from: NetworkNamespace): void {
  try {
    libc.setns(from.fileDescriptor, CLONE_NEWNET, 'own network namespace');
  } catch (error) {
    console.error('routemesh: cannot return to the own network namespace, aborting:', error);
    process.abort();
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** A name under /run/netns. `isStale`: the file is there, but no namespace is mounted on it (after a crash or a reboot). */
export interface NamedNamespace {
  readonly name: string;
  readonly path: string;
  readonly isStale: boolean;
}

/** Path of a name. Throws TypeError for a name that is no file name. */
export function namedNamespacePath(name: string): string {
  if (!/^[^/\0]{1,255}$/.test(name) || name === '.' || name === '..') {
    throw new TypeError(`Expected the name of a network namespace, got ${JSON.stringify(name)}`);
  }
  return `${NAMED_NAMESPACES_DIRECTORY}/${name}`;
}

/** All names under /run/netns, sorted. */
export function listNamedNamespaces(): NamedNamespace[] {
  let names: string[];
  try {
    names = readdirSync(NAMED_NAMESPACES_DIRECTORY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw systemErrorFrom(error, 'readdir', NAMED_NAMESPACES_DIRECTORY);
  }
  return names.sort().map((name) => {
    const path = namedNamespacePath(name);
    return { name, path, isStale: !isNamespaceFile(path) };
  });
}

/** True when the name stands for a living namespace (a stale name does not). */
export function namedNamespaceExists(name: string): boolean {
  return isNamespaceFile(namedNamespacePath(name));
}

/**
 * Creates a named namespace as `ip netns add` does (ip/ipnetns.c): a new namespace, mounted on a file of that name in a
 * directory that is a shared mount, so that it is seen in other mount namespaces too. A stale name is taken over.
 * @throws SystemError EEXIST when the name lives
 */
export function createNamedNamespace(name: string): void {
  const path = namedNamespacePath(name);
  const subject = `network namespace ${name}`;
  if (isNamespaceFile(path)) throw new SystemError('create', 17 /* EEXIST */, subject);
  shareDirectory();
  rmSync(path, { force: true });
  try {
    closeSync(openSync(path, 'wx', 0));
  } catch (error) {
    throw systemErrorFrom(error, 'open', subject);
  }
  try {
    inOwnNamespaceAfterwards(() => {
      libc.unshare(CLONE_NEWNET, subject);
      libc.mount(OWN_NAMESPACE_PATH, path, 'none', MS_BIND);
    });
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** A new namespace that nobody else sees, and that dies with its handle. @throws SystemError */
export function createUnnamedNamespace(label: string): NetworkNamespace {
  return inOwnNamespaceAfterwards(() => {
    libc.unshare(CLONE_NEWNET, `network namespace ${label}`);
    return NetworkNamespace.current();
  });
}

function inOwnNamespaceAfterwards<Result>(action: () => Result): Result {
  const from = here();
  try {
    return action();
  } finally {
    goBack(from);
  }
}

/** Makes /run/netns and gives its mount shared propagation, first mounting it on itself where it is no mount of its own. */
function shareDirectory(): void {
  mkdirSync(NAMED_NAMESPACES_DIRECTORY, { recursive: true, mode: 0o755 });
  const share = (): void => {
    libc.mount('', NAMED_NAMESPACES_DIRECTORY, 'none', MS_SHARED | MS_REC);
  };
  try {
    share();
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EINVAL') throw error;
    libc.mount(NAMED_NAMESPACES_DIRECTORY, NAMED_NAMESPACES_DIRECTORY, 'none', MS_BIND | MS_REC);
    share();
  }
}

/**
 * Removes a name as `ip netns delete` does, stale or not. The namespace itself dies with its last user.
 * @returns false when there was no such name
 */
export function deleteNamedNamespace(name: string): boolean {
  const path = namedNamespacePath(name);
  for (let mounts = 0; isNamespaceFile(path) && mounts < MAX_STACKED_MOUNTS; mounts++) libc.umount2(path, MNT_DETACH);
  try {
    rmSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw systemErrorFrom(error, 'unlink', `network namespace ${name}`);
  }
}
