import type { ClusterListener, LocalTask, LocalTasksListener } from '../../../src/cluster/source.js';
import type { ClusterState } from '../../../src/cluster/state.js';

/** Writes down what a source tells, in words that a test can wait for. */
export class Recorder implements ClusterListener, LocalTasksListener {
  readonly log: string[] = [];
  readonly states: ClusterState[] = [];
  /** Times of changes, in the order in which they were told. */
  readonly changedAt: number[] = [];
  private readonly waiting = new Set<() => void>();

  onState(state: ClusterState, _reason: string, changedAt: readonly number[] = []): void {
    this.states.push(state);
    this.changedAt.push(...changedAt);
    const tasks = state.tasks.map(({ name, weight }) => `${name}*${weight}`).join(' ');
    this.write(`state: ${state.services.flatMap(({ ports }) => ports.map(({ published }) => published)).join(' ')} ${tasks}`.trim());
  }

  onLocalTasks(tasks: ReadonlyMap<string, LocalTask>): void {
    this.write(`local: ${[...tasks.values()].map(({ taskId, namespace }) => `${taskId}=${namespace}`).join(' ')}`);
  }

  onHeard(taskId: string, what: string): void {
    this.write(`heard: ${taskId} ${what}`);
  }

  onUnavailable(error: Error): void {
    this.write(`unavailable: ${error.message}`);
  }

  count(words: string): number {
    return this.log.filter((entry) => entry.includes(words)).length;
  }

  /** Resolves once `times` entries hold the words. */
  async until(words: string, times = 1): Promise<void> {
    const limit = Date.now() + 60_000;
    while (this.count(words) < times) {
      if (Date.now() > limit) throw new Error(`Expected "${words}" ${times} times, got:\n${this.log.join('\n')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private write(entry: string): void {
    this.log.push(entry);
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}
