/** A local task's network namespace, checked: it must hold the task's identity, or it is another program's by now. */
import { NetworkNamespace, RouteNetlink } from '../../native/index.js';
import type { Ipv4Address } from '../cluster/state.js';
import type { LocalTaskNamespace } from '../plan/context.js';
import { taskDevice } from '../plan/devices.js';
import { asError } from './errors.js';

export type TaskNamespaceProblem = 'gone' | 'identity-missing';

export class TaskNamespaceError extends Error {
  override readonly name = 'TaskNamespaceError';
  constructor(
    readonly problem: TaskNamespaceProblem,
    message: string,
    cause?: Error,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/**
 * The device in a namespace that carries the identity, other than our own `mesh0`.
 * @throws {TaskNamespaceError} `gone`: there is no such namespace; `identity-missing`: it is not (any more) the task's
 */
export function resolveTaskNamespace(path: string, identity: Ipv4Address): LocalTaskNamespace {
  let namespace: NetworkNamespace;
  try {
    namespace = NetworkNamespace.at(path);
  } catch (error) {
    throw new TaskNamespaceError('gone', `${path} is no network namespace (any more): the task has ended, or is about to start`, asError(error));
  }
  try {
    const socket = RouteNetlink.open(namespace);
    try {
      const names = new Map(socket.links().map(({ index, name }) => [index, name]));
      const devices = socket
        .addresses('inet')
        .filter(({ address }) => address.split('/')[0] === identity)
        .map(({ linkIndex }) => names.get(linkIndex))
        .filter((name) => name !== undefined && name !== taskDevice);
      const [device] = devices;
      if (device !== undefined) return { path, device };
    } finally {
      socket.close();
    }
  } finally {
    namespace.close();
  }
  throw new TaskNamespaceError('identity-missing', `no device in ${path} holds ${identity}: the task has left its network, or the process id is another program's by now`);
}
