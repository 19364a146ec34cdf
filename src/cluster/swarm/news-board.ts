/**
 * First-hand news where they arrive: what nodes say of their own tasks, until Docker says so too. A manager's board has
 * those of all nodes, a worker's its own.
 *
 * INVARIANTS
 * - A node is heard only about tasks that the cluster has on that very node.
 * - News that are not repeated are forgotten: Docker has the last word.
 */
import { isEmptyNews, type News } from '../relay/protocol.js';
import type { ClusterState, Task } from '../state.js';

/** Nodes repeat what they have to say more often. */
const validMilliseconds = 60_000;

interface Notice {
  readonly gone: ReadonlySet<string>;
  readonly running: ReadonlySet<string>;
  readonly forgetting: NodeJS.Timeout;
}

export class NewsBoard {
  /** By node id. */
  private readonly notices = new Map<string, Notice>();
  private listener: () => void = () => undefined;

  constructor(private readonly milliseconds = validMilliseconds) {}

  /** Calls back when `applyTo` may give something else. */
  onChange(listener: () => void): void {
    this.listener = listener;
  }

  /** All that the node has to say now, in place of what it said before. */
  put(nodeId: string, { gone, running }: News): void {
    const before = this.notices.get(nodeId);
    clearTimeout(before?.forgetting);
    this.notices.delete(nodeId);
    if (!isEmptyNews({ gone, running })) {
      const forgetting = setTimeout(() => this.forget(nodeId), this.milliseconds).unref();
      this.notices.set(nodeId, { gone: new Set(gone), running: new Set(running), forgetting });
    }
    if (before !== undefined || this.notices.has(nodeId)) this.listener();
  }

  /** The state as it will be once Docker knows: the same object where there is nothing to add. */
  applyTo(state: ClusterState): ClusterState {
    if (this.notices.size === 0) return state;
    const noticeOf = ({ nodeId }: Task): Notice | undefined => this.notices.get(nodeId);
    const tasks = state.tasks.filter((task) => noticeOf(task)?.gone.has(task.id) !== true).map((task) => (noticeOf(task)?.running.has(task.id) === true ? asRunning(task) : task));
    return tasks.length === state.tasks.length && tasks.every((task, index) => task === state.tasks[index]) ? state : { ...state, tasks };
  }

  close(): void {
    for (const { forgetting } of this.notices.values()) clearTimeout(forgetting);
    this.notices.clear();
  }

  private forget(nodeId: string): void {
    this.notices.delete(nodeId);
    this.listener();
  }
}

/** Only one that is about to run: what is no longer desired takes no connections, whether it runs or not. */
function asRunning(task: Task): Task {
  if (task.starting !== true) return task;
  const { starting: _, ...rest } = task;
  return { ...rest, weight: 1 };
}
