/**
 * Tasks of this node found without asking Docker: by their identities, in the network namespaces of living processes.
 *
 * For a controller that starts while the node's Docker hangs: its saved state says which tasks the node had, and the
 * kernel says which of them still live. And for tasks that are about to run: Docker gives a container its addresses some
 * time before it runs, and tells of it only then.
 */
import { KernelMonitor, type NetworkNamespace } from '../../native/index.js';
import type { LocalTask } from '../cluster/source.js';
import type { Task } from '../cluster/state.js';
import { taskDevice } from '../plan/devices.js';
import { livingNamespacePaths } from './namespace-paths.js';
import { inNamespace } from './traces.js';

/**
 * By task id. A task that no process lives in, or whose identity is in two namespaces, is not in it.
 * `known`: namespaces of other tasks; they are passed over.
 */
export function findTasks(tasks: readonly Task[], known: readonly string[] = []): ReadonlyMap<string, LocalTask> {
  const wanted = new Map(tasks.map((task) => [`${task.identity.address}/${task.identity.prefixLength}`, task.id]));
  const found = new Map<string, LocalTask | null>();
  if (wanted.size === 0) return new Map();
  for (const namespace of livingNamespacePaths(known)) {
    for (const address of addressesIn(namespace)) {
      const taskId = wanted.get(address);
      if (taskId !== undefined) found.set(taskId, found.has(taskId) ? null : { taskId, namespace });
    }
  }
  return new Map([...found].flatMap(([id, task]) => (task === null ? [] : [[id, task] as const])));
}

/**
 * Calls back when a device or an address has changed in the host's namespace or one that a cable leads to from there:
 * in that of a container, too, whose devices Docker makes in the host's.
 * @throws SystemError
 */
export function watchNamespaces(host: NetworkNamespace, onChange: () => void): { close(): void } {
  const monitor = KernelMonitor.open({ namespace: host, topics: ['link', 'address'], allNamespaces: true, onChange });
  monitor.unref();
  return monitor;
}

/** With prefix lengths. Those of our own cable are left out, and those of devices that are not up: nothing can be sent there. */
function addressesIn(path: string): string[] {
  return (
    inNamespace(path, (_namespace, socket) => {
      const usable = new Set(socket.links().filter(({ name, isUp }) => isUp && name !== taskDevice).map(({ index }) => index));
      return socket.addresses('inet').filter(({ linkIndex }) => usable.has(linkIndex)).map(({ address }) => address);
    }) ?? []
  );
}
