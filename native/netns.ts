/**
 * Network namespaces: open, enter, and the named ones under /run/netns that iproute2 sees too.
 * Call `initialise()` once, before anything else here.
 */

const todo = (): never => {
  throw new Error('not built yet');
};

/** Device and inode of a namespace's file: equal exactly when two handles are the same namespace. */
export interface NamespaceIdentity {
  readonly device: number;
  readonly inode: number;
}

/** An open network namespace. It stays alive while the handle is open, whatever becomes of its name or process. */
export class NetworkNamespace {
  private constructor(
    /** For error texts: "mesh_sbox", "process 4711", "/proc/…". */
    readonly label: string,
    /** An open file descriptor of the namespace; -1 once closed. */
    readonly fileDescriptor: number,
    readonly identity: NamespaceIdentity,
  ) {}

  /** Opens a named namespace (/run/netns/NAME). Throws SystemError ENOENT when there is none, EINVAL when the name is stale. */
  static named(_name: string): NetworkNamespace {
    return todo();
  }
  /** Opens the network namespace that a process lives in (/proc/PID/ns/net). */
  static ofProcess(_processId: number): NetworkNamespace {
    return todo();
  }
  /** Opens a namespace file by its path. */
  static at(_path: string): NetworkNamespace {
    return todo();
  }
  /** Opens the namespace that this thread is in. */
  static current(): NetworkNamespace {
    return todo();
  }
  isSameAs(other: NetworkNamespace): boolean {
    return this.identity.device === other.identity.device && this.identity.inode === other.identity.inode;
  }
  close(): void {
    todo();
  }
}

/** Prepares this process for `enter`: starts libuv's threads in the namespace that they must stay in. Idempotent. */
export async function initialise(): Promise<void> {
  await Promise.reject(new Error('not built yet'));
}

/**
 * Runs `action` inside a namespace, in one synchronous turn: setns there, action, setns back.
 * A promise returned by `action` is a TypeError; a way back that fails aborts the process.
 */
export function enter<Result>(_namespace: NetworkNamespace, _action: () => Result): Result {
  return todo();
}

/** A name under /run/netns. `isStale`: the file is there, but no namespace is mounted on it (after a crash or a reboot). */
export interface NamedNamespace {
  readonly name: string;
  readonly path: string;
  readonly isStale: boolean;
}

/** All names under /run/netns, sorted. */
export function listNamedNamespaces(): NamedNamespace[] {
  return todo();
}
/** True when the name stands for a living namespace (a stale name does not). */
export function namedNamespaceExists(_name: string): boolean {
  return todo();
}
/** Creates a named namespace as `ip netns add` does; a stale name is taken over. Throws SystemError EEXIST when it lives. Its loopback is down. */
export function createNamedNamespace(_name: string): void {
  todo();
}
/** Removes a name as `ip netns delete` does, stale or not. False when there was none. The namespace dies with its last user. */
export function deleteNamedNamespace(_name: string): boolean {
  return todo();
}
