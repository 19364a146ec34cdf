import type { ClusterState } from './state.js';

/**
 * Where the cluster state comes from: Docker, the relay of a manager, a file.
 *
 * A source keeps the last good state: while it can't read, it says so with `onUnavailable` and calls `onState` again
 * once it can. States are whole (never deltas) and are given only when they differ from the one before.
 */
export interface ClusterSource {
  /** For people: `docker on /var/run/docker.sock`, `file /etc/routemesh/cluster.yaml`. */
  readonly description: string;
  /** This node's part in telling the state from node to node; left out or null where it has none. */
  readonly relay?: RelayFacts | null;
  /** The state as it is now, read once. Rejects with a typed error that says what to do. Used by `plan`. */
  read(signal: AbortSignal): Promise<ClusterState>;
  /** Follows the cluster until the signal aborts; resolves then. Never rejects for what can be tried again. */
  follow(listener: ClusterListener, signal: AbortSignal): Promise<void>;
}

export interface RelayFacts {
  /** A manager serves its relay, a worker (and a manager whose Docker fails) follows one. */
  readonly part: 'serves' | 'follows';
  /** Of the state that is served or followed; it begins anew with each history. */
  readonly revision: number;
  /** Nodes that follow this one at this moment. */
  readonly followers: number;
}

export interface ClusterListener {
  /**
   * `reason` is for the log: what made the source look again (`service event`, `poll`, `file changed`).
   * `changedAt`: when the changes that led to this state were made, by the cluster's own clock, in milliseconds since
   * 1970; those whose time is known. Beside the state, not in it: equal states stay equal.
   */
  onState(state: ClusterState, reason: string, changedAt?: readonly number[]): void;
  /** The source does not answer; it goes on trying. Called once per failing stretch and whenever the error changes. */
  onUnavailable(error: Error): void;
}

/** A local task's network namespace, as the node itself knows it. */
export interface LocalTask {
  readonly taskId: string;
  /** Absolute path of a namespace file: `/proc/<pid>/ns/net` or `/run/netns/<name>`. */
  readonly namespace: string;
  /** Of the container's first process, as this process's pid namespace counts. Left out: nobody knows. */
  readonly processId?: number;
  /** It runs, and is healthy where it can tell. Left out: nobody asked. */
  readonly isReady?: boolean;
}

/**
 * What this node knows of its own tasks without asking the cluster: Docker's local containers.
 * A task that dies leaves the map at once, long before the cluster's managers hear of it.
 */
export interface LocalTasks {
  read(signal: AbortSignal): Promise<ReadonlyMap<string, LocalTask>>;
  follow(listener: LocalTasksListener, signal: AbortSignal): Promise<void>;
}

export interface LocalTasksListener {
  onLocalTasks(tasks: ReadonlyMap<string, LocalTask>, reason: string): void;
  /** Of a task that was not looked at yet: it runs and has nothing to say of its health, or has ended since. */
  onHeard?(taskId: string, what: 'running' | 'gone'): void;
  onUnavailable(error: Error): void;
}
