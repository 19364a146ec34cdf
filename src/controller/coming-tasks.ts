/**
 * Tasks of this node that are about to run. Docker gives a container its devices and addresses some time before it runs,
 * and tells of it only then: its namespace is found by the task's identity meanwhile, so that its cable is there when it
 * runs.
 *
 * INVARIANTS
 * - What is found counts until Docker tells of the container itself, and no longer than the namespace is there.
 * - Nothing is watched or looked for while no task is about to run.
 */
import { existsSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { LocalTask } from '../cluster/source.js';
import type { ClusterState, Task } from '../cluster/state.js';
import type { MeshKernel } from './mesh-kernel.js';

export interface ComingTasksOptions {
  readonly nodeId: string;
  readonly kernel: Pick<MeshKernel, 'findTasks' | 'watchNamespaces'>;
  /** There is more in `besides`. */
  readonly onFound: (what: string) => void;
}

/** A search walks through all processes: the pause before the next is so many times as long. */
const pausePerSearch = 3;

export class ComingTasks {
  private coming: readonly Task[] = [];
  /** By task id. */
  private readonly found = new Map<string, LocalTask>();
  /** Docker's containers, by task id. */
  private local: ReadonlyMap<string, LocalTask> = new Map();
  private watch: { close(): void } | null = null;
  private timer: NodeJS.Timeout | undefined;
  private nextSearch = 0;

  constructor(private readonly options: ComingTasksOptions) {}

  /** The cluster and Docker's containers as they are now. */
  follow(state: ClusterState | null, local: ReadonlyMap<string, LocalTask> | null): void {
    const { nodeId } = this.options;
    const before = new Set(this.coming.map(({ id }) => id));
    const isComing = ({ id, nodeId: on, starting }: Task): boolean => on === nodeId && local?.has(id) === false && (starting === true || this.found.has(id));
    this.coming = state?.tasks.filter(isComing) ?? [];
    this.local = local ?? new Map();
    for (const id of this.found.keys()) if (!this.coming.some((task) => task.id === id)) this.found.delete(id);
    if (this.missing().length === 0) this.rest();
    else {
      this.watch ??= this.watchNamespaces();
      // It may have been there before it was watched for.
      if (this.coming.some(({ id }) => !before.has(id))) this.searchSoon();
    }
  }

  /** Docker's containers, and what was found besides. */
  besides(local: ReadonlyMap<string, LocalTask>): ReadonlyMap<string, LocalTask> {
    const more = [...this.found].filter(([id, { namespace }]) => !local.has(id) && existsSync(namespace));
    return more.length === 0 ? local : new Map([...local, ...more]);
  }

  close(): void {
    this.coming = [];
    this.rest();
  }

  private missing(): readonly Task[] {
    return this.coming.filter(({ id }) => !this.found.has(id));
  }

  private rest(): void {
    this.watch?.close();
    this.watch = null;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Null: it can't be watched for. Docker tells of it when it runs. */
  private watchNamespaces(): { close(): void } | null {
    try {
      return this.options.kernel.watchNamespaces(() => { this.searchSoon(); });
    } catch {
      return null;
    }
  }

  private searchSoon(): void {
    this.timer ??= setTimeout(() => { this.search(); }, Math.max(0, this.nextSearch - performance.now()));
    this.timer.unref();
  }

  private search(): void {
    this.timer = undefined;
    const began = performance.now();
    const found = this.options.kernel.findTasks(this.missing(), [...this.local.values()].map(({ namespace }) => namespace));
    const ended = performance.now();
    this.nextSearch = ended + pausePerSearch * (ended - began);
    if (found.size === 0) return;
    const names = this.coming.filter(({ id }) => found.has(id)).map(({ name }) => name);
    for (const [id, task] of found) this.found.set(id, task);
    if (this.missing().length === 0) this.rest();
    this.options.onFound(`${names.join(', ')} about to run`);
  }
}
