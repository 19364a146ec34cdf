/** This node's own endpoints of the file, as far as their network namespaces exist. */
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LocalTask, LocalTasks } from '../source.js';
import type { ClusterState, Task } from '../state.js';
import type { ClusterFiles } from './cluster-files.js';
import { namedNamespacesFolder, namespacePath } from './namespace.js';
import { lookOnChange } from './watch.js';

export interface FileLocalTasksOptions {
  readonly file: ClusterFiles;
  /** Name of this node in the file. */
  readonly node: string;
  /** Namespaces outside of /run/netns are only found by the poll. */
  readonly pollMilliseconds?: number;
  readonly settleMilliseconds?: number;
  /** Where iproute2 keeps its names; another folder in tests. */
  readonly namespacesFolder?: string;
}

export function fileLocalTasks(options: FileLocalTasksOptions): LocalTasks {
  const { file, node, pollMilliseconds = 1_000, settleMilliseconds = 20, namespacesFolder = namedNamespacesFolder } = options;
  const exists = (namespace: string) => access(namespace).then(() => true, () => false);
  return {
    read: async (signal) => {
      signal.throwIfAborted();
      return localTasksOf(ownTasks(await file.read(), node), namespacesFolder, exists);
    },
    follow: (listener, signal) => {
      let own: { readonly state: ClusterState; readonly tasks: readonly Task[] } | null = null;
      let told: ReadonlyMap<string, LocalTask> | null = null;
      let failure: string | null = null;
      const look = async (reason: string, changed: ReadonlySet<string> | null) => {
        let recovered = false;
        try {
          const state = await file.read(changed);
          if (own?.state !== state) own = { state, tasks: ownTasks(state, node) };
          recovered = failure !== null;
          failure = null;
        } catch (error) {
          const { message } = error as Error;
          if (failure !== message) listener.onUnavailable(error as Error);
          failure = message;
        }
        // Namespaces come and go while the file is wrong, too.
        if (own === null) return;
        const tasks = await localTasksOf(own.tasks, namespacesFolder, exists);
        if (!recovered && told !== null && isDeepStrictEqual(tasks, told)) return;
        told = tasks;
        listener.onLocalTasks(tasks, reason);
      };
      return lookOnChange({ folders: [dirname(file.path), file.path, namespacesFolder], pollMilliseconds, settleMilliseconds }, look, signal);
    },
  };
}

function ownTasks(state: ClusterState, node: string): readonly Task[] {
  return state.tasks.filter(({ nodeId, namespace }) => nodeId === node && namespace !== undefined);
}

async function localTasksOf(
  own: readonly Task[],
  namespacesFolder: string,
  exists: (path: string) => Promise<boolean>,
): Promise<ReadonlyMap<string, LocalTask>> {
  const local = new Map<string, LocalTask>();
  // Many endpoints may share a namespace.
  const found = new Map<string, boolean>();
  for (const task of own) {
    const namespace = namespacePath(task.namespace ?? '', namespacesFolder);
    const isThere = found.get(namespace) ?? (await exists(namespace));
    found.set(namespace, isThere);
    if (isThere) local.set(task.id, { taskId: task.id, namespace });
  }
  return local;
}
