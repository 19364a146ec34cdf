/**
 * A task of another node that has just come is known here before its own node has laid the cable to it: what is sent to
 * it then is lost. So it is asked first, on the way that traffic takes; its namespace's kernel answers.
 *
 * INVARIANTS
 * - Tasks that were there when the controller began are taken for reached: a restart holds nothing back.
 * - One that is about to run is asked already: most have answered when they do.
 * - A task that runs and does not answer is waited for so long and no longer: it may be told to ignore echo requests.
 * - Those that are reached together are told of once: each telling makes a plan, and hundreds may come at a time.
 */
import { performance } from 'node:perf_hooks';
import type { ClusterState, Task } from '../cluster/state.js';
import type { EventRecorder } from '../event.js';
import { changesBetween, findById } from '../sharing.js';
import { routerAddress } from '../plan/addresses.js';
import type { PeerProbe, PeerQuestion } from './mesh-kernel.js';

export interface ArrivalsOptions {
  readonly nodeId: string;
  readonly probe: PeerProbe;
  readonly events: EventRecorder;
  /** A task may get connections from now on. */
  readonly onChange: (what: string) => void;
  /** Milliseconds of a clock that never goes back; injected by tests. */
  readonly now?: () => number;
}

/** Between two questions, in milliseconds. */
const interval = 100;
/** Hundreds of tasks take a while to ask: the pause is so many times as long. */
const pausePerRound = 9;
const patienceMilliseconds = 30_000;

export class Arrivals {
  /** Tasks as last told; null before the first state. */
  private known: readonly Task[] | null = null;
  private readonly waiting = new Map<string, { readonly task: Task; readonly since: number }>();
  private readonly now: () => number;
  private router: string | null = null;
  private sequence = 0;
  private pause = interval;
  /** Names of tasks that are reached and not told of yet. */
  private news: string[] = [];
  private telling: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ArrivalsOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /** The cluster as it is now. */
  follow(state: ClusterState): void {
    const own = state.nodes.find(({ id }) => id === this.options.nodeId);
    this.router = own === undefined ? null : routerAddress(own.address);
    const isRemote = (task: Task | undefined): boolean => task !== undefined && task.nodeId !== this.options.nodeId;
    const known = this.known ?? state.tasks.filter(({ starting }) => starting !== true);
    const { removed, added } = changesBetween(known, state.tasks);
    for (const { id } of removed) if (!isRemote(findById(state.tasks, id))) this.waiting.delete(id);
    for (const task of added) if (isRemote(task) && (!isRemote(findById(known, task.id)) || this.waiting.has(task.id))) this.waiting.set(task.id, { task, since: this.now() });
    this.known = state.tasks;
    this.schedule();
  }

  /** Ids of tasks that have not answered yet. */
  unreached(): ReadonlySet<string> {
    return new Set(this.waiting.keys());
  }

  close(): void {
    clearTimeout(this.timer);
    clearImmediate(this.telling);
    this.waiting.clear();
    this.options.probe.close();
  }

  /** Asks each of them once. Public for tests; the timer calls it. */
  ask(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const began = this.now();
    for (const { task, since } of [...this.waiting.values()]) {
      if (task.starting === true || this.now() - since <= patienceMilliseconds) continue;
      this.options.events.normal('TaskSilent', { kind: 'task', name: task.name }, `${task.identity.address} does not answer echo requests; it gets connections all the same`);
      this.arrived(task);
    }
    const questions = [...this.waiting.values()].map(({ task }) => {
      this.sequence = (this.sequence + 1) & 0xffff;
      return { destination: task.identity.address, sequence: this.sequence };
    });
    if (this.router !== null && questions.length > 0) this.send(this.router, questions);
    this.pause = Math.max(interval, pausePerRound * (this.now() - began));
    this.schedule();
  }

  private send(router: string, questions: readonly PeerQuestion[]): void {
    try {
      this.options.probe.ask(router, questions, (source) => { this.answered(source); });
    } catch {
      // The sync that lays the way to them has not come so far.
    }
  }

  private schedule(): void {
    if (this.waiting.size === 0 || this.timer !== undefined) return;
    this.timer = setTimeout(() => { this.ask(); }, this.pause);
    this.timer.unref();
  }

  private answered(address: string): void {
    for (const { task } of [...this.waiting.values()]) if (task.identity.address === address) this.arrived(task);
  }

  private arrived(task: Task): void {
    this.waiting.delete(task.id);
    this.news.push(task.name);
    this.telling ??= setImmediate(() => { this.tell(); });
  }

  private tell(): void {
    const { news: [name = ''], news } = this;
    this.news = [];
    this.telling = undefined;
    this.options.onChange(news.length === 1 ? `${name} is reached` : `${name} and ${news.length - 1} more are reached`);
  }
}
