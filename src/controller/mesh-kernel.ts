/** What the controller needs of the kernel; `kernel/` gives it, tests of the loop give a small one of their own. */
import type { LocalTask } from '../cluster/source.js';
import type { Service, Task } from '../cluster/state.js';
import type { Change } from '../kernel/change.js';
import type { ConnectionCount } from '../kernel/connections.js';
import type { Doubted, Glance } from '../kernel/glance.js';
import type { IpvsChange } from '../kernel/ipvs.js';
import type { KernelStatistics } from '../kernel/statistics.js';
import type { LocalTaskNamespace } from '../plan/context.js';
import { portKey } from '../plan/fwmark.js';
import type { NodePlan } from '../plan/node-plan.js';
import type { Placeholder } from '../plan/objects.js';

export interface FailedChange {
  readonly change: Change;
  readonly error: Error;
}

export interface ApplyResult {
  readonly applied: readonly Change[];
  readonly failed: readonly FailedChange[];
}

export interface PeerQuestion {
  /** Address of a peer's router, or of a task. */
  readonly destination: string;
  /** 0–65535; the answer has it too. */
  readonly sequence: number;
}

/** Asks peers' kernels whether they are there. */
export interface PeerProbe {
  /** From this node's router address. Gives why each could not be sent, in order; null: it was. @throws when none can be. */
  ask(source: string, questions: readonly PeerQuestion[], onReply: (source: string, sequence: number) => void): readonly (Error | null)[];
  /** Whether answers are handed over as they come, which wakes the program for each, or only by `read`. True at first. */
  listen(asTheyCome: boolean): void;
  /** Hands over the answers that wait. */
  read(): void;
  /** The same until it is enough, for so many milliseconds at most, in which nothing else is done. */
  readWithin(milliseconds: number, isEnough: () => boolean): void;
  close(): void;
}

export interface MeshKernel {
  /** `uname -r`. */
  readonly release: string;
  /** MTU in bytes of the host's device that carries the address; Ethernet's 1500 where none does. */
  underlayMtu(nodeAddress: string | undefined): number;
  /** @throws when the namespace is gone or does not hold the identity. */
  resolveTask(namespacePath: string, identity: string): LocalTaskNamespace;
  /** Those of the tasks that live on this node, found without Docker; not in the namespaces (paths) that are known. */
  findTasks(tasks: readonly Task[], known?: readonly string[]): ReadonlyMap<string, LocalTask>;
  /** Calls back when a device or an address has changed in any namespace that has a cable to the host's: something may be found there now. @throws */
  watchNamespaces(onChange: () => void): { close(): void };
  /** `protocol/number` → the program that listens there and is neither dockerd nor this process. */
  portsHeldByOthers(ports: readonly Placeholder[]): ReadonlyMap<string, string>;
  /** What keeps rules from matching by sets here; null: nothing. Left out: nobody knows of anything. */
  whyNoSets?(): Promise<string | null>;
  /** How many placeholder sockets this process can hold; left out: any number. */
  readonly mostPlaceholders?: number;
  /**
   * What must change for the kernel to hold what the plan says. Changes nothing. Rejects with the signal's reason once
   * that aborts. `glance`: looks there only.
   */
  difference(plan: NodePlan, signal?: AbortSignal, glance?: Glance): Promise<readonly Change[]>;
  /** The same without a look at the kernel, which is taken to hold what the earlier plan says. */
  differenceFrom(previous: NodePlan, next: NodePlan): readonly Change[];
  /** Of `differenceFrom`, what concerns IPVS. */
  ipvsDifferenceFrom(previous: NodePlan, next: NodePlan): readonly IpvsChange[];
  /** Of `differenceFrom`, the addresses of tasks whose cables are all of it besides IPVS; null: there is more. `atAGlance`: or that is not quickly told. */
  notYetReached(previous: NodePlan, next: NodePlan, atAGlance?: boolean): ReadonlySet<string> | null;
  /** Applies as much as can be applied; never rejects for a single change. */
  apply(plan: NodePlan, changes: readonly Change[]): Promise<ApplyResult>;
  /** IPVS alone, at once, also while a difference is looked for or applied. Gives those that were done. */
  applyAtOnce(changes: readonly IpvsChange[]): readonly IpvsChange[];
  /** Of some virtual services, by `connectionKey`. Empty where there is no sandbox yet. */
  connections(fwmarks: readonly number[]): ReadonlyMap<string, ConnectionCount>;
  /** What IPVS has counted, read once; does not hold up the event loop. */
  statistics(): Promise<KernelStatistics>;
  probe(): PeerProbe;
  /** Calls back when somebody (we, too) changed something in the host's, the sandbox's or the fabric's namespace. */
  watch(onChange: (what: string, doubted: Doubted) => void): void;
  close(): void;
}

/** Every port that any of the services publishes, once. */
export function publishedPorts(services: readonly Service[]): Placeholder[] {
  const ports = new Map<string, Placeholder>();
  for (const { protocol, published } of services.flatMap((service) => service.ports)) {
    ports.set(portKey(protocol, published), { protocol, port: published });
  }
  return [...ports.values()];
}
