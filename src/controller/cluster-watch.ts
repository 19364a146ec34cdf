/**
 * What the cluster wants and what lives on this node, as last heard: followed, kept on disk, and found again without
 * either of its sources where one does not answer.
 */
import type { Condition } from '../cluster/condition.js';
import type { ClusterSource, LocalTask, LocalTasks } from '../cluster/source.js';
import type { ClusterState, Task } from '../cluster/state.js';
import type { EventObject, EventRecorder } from '../event.js';
import { ComingTasks } from './coming-tasks.js';
import type { MeshKernel } from './mesh-kernel.js';
import type { StatusReport } from './report.js';

/** Where the last good cluster state outlives the controller. */
export interface StateStore {
  load(): Promise<ClusterState | null>;
  save(state: ClusterState): Promise<void>;
  /** Writes at once what waits to be written. */
  flush?(): Promise<void>;
}

export interface ClusterWatchOptions {
  readonly node: { readonly id: string };
  readonly source: ClusterSource;
  readonly localTasks: LocalTasks;
  readonly store: StateStore;
  readonly kernel: Pick<MeshKernel, 'findTasks' | 'watchNamespaces'>;
  readonly events: EventRecorder;
  /** There is something new to be programmed, or to be said; when it was changed, where that is known (as in ClusterListener). */
  readonly onChange: (reason: string, changedAt: readonly number[]) => void;
}

const cluster: EventObject = { kind: 'source', name: 'cluster' };
const localTasksOfNode: EventObject = { kind: 'source', name: 'local tasks' };

export class ClusterWatch {
  private current: ClusterState | null = null;
  private local: ReadonlyMap<string, LocalTask> | null = null;
  private availability: { available: boolean; since: Date; error?: Error } = { available: false, since: new Date() };
  private localError: Error | null = null;
  /** Tasks of this node that were found without its Docker. */
  private searched: readonly Task[] = [];
  private readonly coming: ComingTasks;

  constructor(private readonly options: ClusterWatchOptions) {
    this.coming = new ComingTasks({ nodeId: options.node.id, kernel: options.kernel, onFound: (what) => { options.onChange(what, []); } });
  }

  /** The last good state; null before the first. */
  get state(): ClusterState | null {
    return this.current;
  }

  /**
   * This node's tasks, those that are about to run among them. A node that starts while its Docker hangs asks the kernel
   * which of the tasks that the cluster knows of live here; those that were found stay known when the cluster, which
   * takes the node for dead, forgets them. Null: not known yet.
   */
  tasks(): ReadonlyMap<string, LocalTask> | null {
    if (this.local !== null) return this.coming.besides(this.local);
    if (this.localError === null || this.current === null) return null;
    const own = this.current.tasks.filter(({ nodeId }) => nodeId === this.options.node.id);
    const candidates = new Map([...this.searched, ...own].map((task) => [task.id, task]));
    const found = this.options.kernel.findTasks([...candidates.values()]);
    this.searched = [...candidates.values()].filter(({ id }) => found.has(id));
    return found;
  }

  /** Until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { source, localTasks } = this.options;
    await Promise.all([
      source.follow({ onState: (state, reason, changedAt) => { this.onState(state, reason, changedAt ?? []); }, onUnavailable: (error) => { this.onSourceUnavailable(error); } }, signal),
      localTasks.follow({ onLocalTasks: (tasks, reason) => { this.onLocalTasks(tasks, reason); }, onUnavailable: (error) => { this.onLocalTasksUnavailable(error); } }, signal),
    ]);
    this.coming.close();
    // What could not be kept was told when it was to be saved.
    await this.options.store.flush?.().catch(() => undefined);
  }

  report(): StatusReport['source'] {
    const { available, since, error } = this.availability;
    return { description: this.options.source.description, available, since: since.toISOString(), ...(error === undefined ? {} : { error: error.message }) };
  }

  conditions(): Condition[] {
    const { description } = this.options.source;
    const errors = [this.availability.error, this.localError].filter((error) => error instanceof Error);
    return [...new Set(errors.map((error) => error.message))].map((message) => ({
      reason: 'SourceUnavailable',
      object: { kind: 'source', id: 'source', name: description },
      message,
    }));
  }

  private onState(state: ClusterState, reason: string, changedAt: readonly number[]): void {
    if (!this.availability.available) {
      this.options.events.normal('SourceReturned', cluster, 'answers', { source: this.options.source.description });
      this.availability = { available: true, since: new Date() };
    }
    this.current = state;
    this.coming.follow(state, this.local);
    this.options.store.save(state).catch((error: unknown) => {
      this.options.events.warning('SavedStateFailed', cluster, `the last good state could not be kept on disk; the mesh is not affected: ${textOf(error)}`);
    });
    this.options.onChange(reason, changedAt);
  }

  private onSourceUnavailable(error: Error): void {
    this.options.events.warning('SourceUnavailable', cluster, `does not answer; the last good state is served: ${error.message}`, { source: this.options.source.description });
    this.availability = { available: false, since: this.availability.available ? new Date() : this.availability.since, error };
    if (this.current === null) void this.startFromDisk();
    this.options.onChange('source unavailable', []);
  }

  /** A node that starts while nobody answers serves what it served last. */
  private async startFromDisk(): Promise<void> {
    const state = await this.options.store.load().catch((error: unknown) => {
      this.options.events.warning('SavedStateFailed', cluster, `the last good state on disk is not used: ${textOf(error)}`);
      return null;
    });
    if (state === null || this.current !== null) return;
    this.options.events.normal('SavedStateServed', cluster, `does not answer yet: the last good state on disk is served (${state.services.length} services, ${state.tasks.length} tasks)`);
    this.current = state;
    this.options.onChange('last good state', []);
  }

  private onLocalTasks(tasks: ReadonlyMap<string, LocalTask>, reason: string): void {
    if (this.localError !== null) this.options.events.normal('SourceReturned', localTasksOfNode, 'known again');
    this.localError = null;
    this.local = tasks;
    this.coming.follow(this.current, tasks);
    this.options.onChange(reason, []);
  }

  private onLocalTasksUnavailable(error: Error): void {
    this.localError = error;
    this.options.events.warning('SourceUnavailable', localTasksOfNode, `can't be listed; those known last are served: ${error.message}`);
    this.options.onChange('local tasks unavailable', []);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
