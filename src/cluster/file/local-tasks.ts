/** This node's own endpoints of the file, as far as their network namespaces exist. */
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LocalTask, LocalTasks } from '../source.js';
import type { ClusterState } from '../state.js';
import { readClusterFile } from './read-file.js';
import { namedNamespacesFolder, namespacePath } from './namespace.js';
import { lookOnChange } from './watch.js';

export interface FileLocalTasksOptions {
  /** Absolute path of the cluster file. */
  readonly path: string;
  /** Name of this node in the file. */
  readonly node: string;
  /** Namespaces outside of /run/netns are only found by the poll. */
  readonly pollMilliseconds?: number;
  readonly settleMilliseconds?: number;
  /** Where iproute2 keeps its names; another folder in tests. */
  readonly namespacesFolder?: string;
}

export function fileLocalTasks(options: FileLocalTasksOptions): LocalTasks {
  const { path, node, pollMilliseconds = 1_000, settleMilliseconds = 20, namespacesFolder = namedNamespacesFolder } = options;
  const exists = (namespace: string) => access(namespace).then(() => true, () => false);
  return {
    read: async (signal) => {
      signal.throwIfAborted();
      return localTasksOf(await readClusterFile(path), node, namespacesFolder, exists);
    },
    follow: (listener, signal) => {
      let state: ClusterState | null = null;
      let told: ReadonlyMap<string, LocalTask> | null = null;
      let failure: string | null = null;
      const look = async (reason: string) => {
        let recovered = false;
        try {
          state = await readClusterFile(path);
          recovered = failure !== null;
          failure = null;
        } catch (error) {
          const { message } = error as Error;
          if (failure !== message) listener.onUnavailable(error as Error);
          failure = message;
        }
        // Namespaces come and go while the file is wrong, too.
        if (state === null) return;
        const tasks = await localTasksOf(state, node, namespacesFolder, exists);
        if (!recovered && told !== null && isDeepStrictEqual(tasks, told)) return;
        told = tasks;
        listener.onLocalTasks(tasks, reason);
      };
      return lookOnChange({ folders: [dirname(path), namespacesFolder], pollMilliseconds, settleMilliseconds }, look, signal);
    },
  };
}

async function localTasksOf(
  state: ClusterState,
  node: string,
  namespacesFolder: string,
  exists: (path: string) => Promise<boolean>,
): Promise<ReadonlyMap<string, LocalTask>> {
  const local = new Map<string, LocalTask>();
  for (const task of state.tasks) {
    if (task.nodeId !== node || task.namespace === undefined) continue;
    const namespace = namespacePath(task.namespace, namespacesFolder);
    if (await exists(namespace)) local.set(task.id, { taskId: task.id, namespace });
  }
  return local;
}
