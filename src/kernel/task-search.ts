/**
 * Tasks of this node found without asking Docker: by their identities, in the network namespaces of living processes.
 *
 * For a controller that starts while the node's Docker hangs: its saved state says which tasks the node had, and the
 * kernel says which of them still live.
 */
import type { LocalTask } from '../cluster/source.js';
import type { Task } from '../cluster/state.js';
import { taskDevice } from '../plan/devices.js';
import { livingNamespacePaths } from './namespace-paths.js';
import { inNamespace } from './traces.js';

/** By task id. A task that no process lives in, or whose identity is in two namespaces, is not in it. */
export function findTasks(tasks: readonly Task[]): ReadonlyMap<string, LocalTask> {
  const wanted = new Map(tasks.map((task) => [`${task.identity.address}/${task.identity.prefixLength}`, task.id]));
  const found = new Map<string, LocalTask | null>();
  if (wanted.size === 0) return new Map();
  for (const namespace of livingNamespacePaths()) {
    for (const address of addressesIn(namespace)) {
      const taskId = wanted.get(address);
      if (taskId !== undefined) found.set(taskId, found.has(taskId) ? null : { taskId, namespace });
    }
  }
  return new Map([...found].flatMap(([id, task]) => (task === null ? [] : [[id, task] as const])));
}

/** With prefix lengths; our own cable's are left out. */
function addressesIn(path: string): string[] {
  return (
    inNamespace(path, (_namespace, socket) => {
      const own = socket.link(taskDevice)?.index;
      return socket.addresses('inet').filter(({ linkIndex }) => linkIndex !== own).map(({ address }) => address);
    }) ?? []
  );
}
