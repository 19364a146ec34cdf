/**
 * Makes the kernel hold what the plan says: looks, finds the difference, applies it in order.
 *
 * INVARIANTS
 * - One call at a time: a pass ends before the next begins.
 * - Looking changes nothing. Applying touches only what the difference names, and only what is ours.
 * - A failure keeps nothing else from being done, except what needs the failed object.
 */
import { release } from 'node:os';

import type { LocalTask } from '../cluster/source.js';
import type { Task } from '../cluster/state.js';
import type { LocalTaskNamespace } from '../plan/context.js';
import type { NodePlan, PlacePlan } from '../plan/node-plan.js';
import type { Place, Placeholder } from '../plan/objects.js';
import { placePlan } from '../plan/place.js';
import { kinds, type Change, type Kind } from './change.js';
import { connectionCounts, type ConnectionCount } from './connections.js';
import { differenceOf, differenceOfPlans, ipvsDifferenceOfPlans, notYetReached } from './difference.js';
import { isDoubted, type Doubted, type Glance } from './glance.js';
import { Machine, type Location, type MachineOptions } from './machine.js';
import { applyIpvs, type IpvsChange } from './ipvs.js';
import { nextTurn } from '../next-turn.js';
import { belongsTo, closedMarks, goesDown, stages, type Stage } from './order.js';
import { PeerProbe } from './peer-probe.js';
import { mostPlaceholders } from './file-limit.js';
import { PortHolders } from './ports-held-by-others.js';
import type { Refusal } from './reconciler.js';
import { reconcilers, type ChangeByKind, type KernelChange } from './reconcilers.js';
import { emptyState, stateOfPlan, type PlaceState } from './state.js';
import { SetSupport } from './set/support.js';
import { readStatistics, type KernelStatistics } from './statistics.js';
import { resolveTaskNamespace } from './task-namespace.js';
import { findTasks, watchNamespaces } from './task-search.js';
import { taskNamespacesWithTraces } from './traces.js';
import { underlayOf } from './underlay.js';
import { isUnreadable, unreadable, type Unreadable } from './unreadable.js';
import { cablesTo, deviceKey, withoutPlaces } from './vanished.js';
import { Watcher } from './watcher.js';

export interface ApplyResult {
  readonly applied: readonly Change[];
  readonly failed: readonly { readonly change: Change; readonly error: Error }[];
  /** Meant for a task that went away meanwhile: nothing is left to be done. */
  readonly skipped: readonly Change[];
}

export class Engine {
  /** `uname -r`. */
  readonly release = release();
  readonly mostPlaceholders = mostPlaceholders();
  private readonly watcher: Watcher;
  /** Namespaces of the tasks that plans had: what they were then. */
  private readonly taskNamespaces = new Map<Place, { readonly location: Location; readonly inode: number }>();
  private looksForStrays = true;
  /** Keys of what IPVS was told at once since the last changes were begun to be applied. */
  private readonly overtaken = new Set<string>();
  private readonly setSupport = new SetSupport();
  private readonly portHolders = new PortHolders();

  private constructor(private readonly machine: Machine) {
    this.watcher = new Watcher(machine);
  }

  static async open(options: MachineOptions): Promise<Engine> {
    return new Engine(await Machine.create(options));
  }

  /** @throws {TaskNamespaceError} */
  resolveTask(namespacePath: string, identity: string): LocalTaskNamespace {
    return resolveTaskNamespace(namespacePath, identity);
  }

  /** MTU in bytes of the host's device that carries the address; Ethernet's 1500 where none does. */
  underlayMtu(nodeAddress: string | undefined): number {
    const { device, mtu } = underlayOf(this.machine.host, nodeAddress);
    this.watcher.onUnderlay(device);
    return mtu;
  }

  /** Null: rules can match by sets here. */
  whyNoSets(): Promise<string | null> {
    return this.setSupport.whyNot();
  }

  /** Those of the tasks that live on this node, found without Docker; not in the namespaces that are known. */
  findTasks(tasks: readonly Task[], known: readonly string[] = []): ReadonlyMap<string, LocalTask> {
    return findTasks(tasks, known);
  }

  /** Calls back when a device or an address has changed in any namespace that has a cable to the host's. */
  watchNamespaces(onChange: () => void): { close(): void } {
    return watchNamespaces(this.machine.host, onChange);
  }

  /** `protocol/number` → the program that listens there and is neither dockerd nor this process. */
  portsHeldByOthers(ports: readonly Placeholder[]): ReadonlyMap<string, string> {
    // What this process holds nobody else listens on.
    return this.portHolders.others(this.machine.host, ports.filter((port) => !this.machine.heldPorts.has(port)));
  }

  /**
   * What must change for the kernel to hold what the plan says, in the order of application. Changes nothing. Holds up
   * the event loop for no longer than it takes to read one table; rejects with the signal's reason once that aborts.
   */
  async difference(plan: NodePlan, signal?: AbortSignal, glance?: Glance): Promise<readonly Change[]> {
    return await this.pass(plan, async (places) => {
      const unreadables: Unreadable[] = [];
      const states = await this.observe(places, (kind, place, error) => unreadables.push(unreadable(kind, place, error)), signal, glance);
      const gone = this.goneTasks(places);
      const blind = new Set(unreadables.map(({ kind, place }) => `${kind} ${place}`));
      const present = states.filter(({ place }) => !gone.has(place));
      const changes = differenceOf(withoutPlaces(places, gone), present).filter(({ kind, place }) => !blind.has(`${kind} ${place}`));
      return [...unreadables, ...changes];
    });
  }

  /** As `difference`, without a look at the kernel: it is taken to hold what the earlier plan said. */
  differenceFrom(previous: NodePlan, next: NodePlan): readonly Change[] {
    return differenceOfPlans(previous, next);
  }

  /** Of `differenceFrom`, what concerns IPVS. */
  ipvsDifferenceFrom(previous: NodePlan, next: NodePlan): readonly IpvsChange[] {
    return ipvsDifferenceOfPlans(previous, next);
  }

  /** Of `differenceFrom`, the addresses of tasks whose cables are all of it besides IPVS; null: there is more. */
  notYetReached(previous: NodePlan, next: NodePlan, atAGlance = false): ReadonlySet<string> | null {
    return notYetReached(previous, next, atAGlance);
  }

  /** Applies as much as can be applied; changes are those of `difference` (or some of them) for the same plan. */
  async apply(plan: NodePlan, changes: readonly Change[]): Promise<ApplyResult> {
    return await this.pass(plan, async (places) => {
      let refusals: readonly Refusal[] = [];
      const [unread, readable] = split(changes, isUnreadable);
      const todo = readable as readonly KernelChange[];
      const closed = closedMarks(plan);
      const [down, up] = split(todo, (change) => goesDown(change, closed));
      this.overtaken.clear();
      for (const stage of stages) refusals = refusals.concat(await this.applyStage(stage, up, false));
      for (const stage of [...stages].reverse()) refusals = refusals.concat(await this.applyStage(stage, down, true));
      this.watcher.renew();
      return this.resultOf(places, todo, refusals, unread.filter(isUnreadable));
    });
  }

  /**
   * IPVS alone, at once, beside whatever pass is running; what is refused is left to the next pass. Gives those that
   * were done.
   */
  applyAtOnce(changes: readonly IpvsChange[]): readonly IpvsChange[] {
    const sandbox = this.machine.open('sandbox');
    if (sandbox === undefined) return [];
    try {
      const refused = new Set<Change>(applyIpvs(sandbox, changes).map(({ change }) => change));
      const done = changes.filter((change) => !refused.has(change));
      for (const { key } of done) this.overtaken.add(key);
      return done;
    } catch {
      return [];
    }
  }

  /** Of some virtual services, by `connectionKey`. Empty where there is no sandbox yet. */
  connections(fwmarks: readonly number[]): ReadonlyMap<string, ConnectionCount> {
    return connectionCounts(this.machine.open('sandbox'), fwmarks);
  }

  /** What IPVS has counted, read once. Empty where there is no sandbox yet. */
  statistics(): Promise<KernelStatistics> {
    return readStatistics(() => this.machine.open('sandbox'));
  }

  /** Asks peers whether they are there, from the sandbox. */
  probe(): PeerProbe {
    return new PeerProbe(this.machine);
  }

  /** Calls back when somebody (we, too) changed something in the host's, the sandbox's or the fabric's namespace. */
  watch(onChange: (what: string, doubted: Doubted) => void): void {
    this.watcher.start(onChange);
  }

  /** Lets go of sockets and placeholders; what is programmed stays. */
  close(): void {
    this.watcher.close();
    this.machine.close();
  }

  private async pass<T>(plan: NodePlan, work: (places: readonly PlacePlan[]) => Promise<T>): Promise<T> {
    this.machine.locate(plan.places);
    this.machine.beginPass();
    this.watcher.follow(plan);
    // Before anything else: a monitor keeps a namespace alive that somebody has deleted.
    this.watcher.renew();
    try {
      this.remember(plan.places);
      return await work([...plan.places, ...this.leftPlaces(plan.places)]);
    } finally {
      this.machine.endPass();
    }
  }

  /** Every kind of every place, or what a glance looks at and, of all else, what was known. What can't be read is told, and empty. */
  private async observe(places: readonly PlacePlan[], onError: (kind: Kind, place: Place, error: Error) => void, signal: AbortSignal | undefined, glance: Glance | undefined): Promise<PlaceState[]> {
    const known = new Map(glance?.known.places.map((plan) => [plan.place, stateOfPlan(plan)]));
    const states = new Map([...places.map(({ place }) => [place, emptyState(place)] as const), ...known]);
    for (const kind of kinds) {
      const doubted = glance === undefined ? places : places.filter(({ place }) => isDoubted(glance.doubted, place, kind));
      if (doubted.length === 0) continue;
      await nextTurn(signal);
      const found = await reconcilers[kind].observe(this.machine, doubted, (place, error) => onError(kind, place, error), signal);
      for (const { place } of doubted) states.set(place, { ...(states.get(place) ?? emptyState(place)), [kind]: found.get(place) ?? emptyState(place)[kind] });
    }
    await nextTurn(signal);
    return [...states.values()];
  }

  /** Other work has its turn before it: IPVS may be told something later than these changes at once, and that stays. */
  private async applyStage(stage: Stage, changes: readonly KernelChange[], teardown: boolean): Promise<Refusal[]> {
    if (!changes.some((change) => belongsTo(stage, change))) return [];
    await nextTurn();
    const own = changes.filter((change) => belongsTo(stage, change) && !(change.kind === 'ipvs' && this.overtaken.has(change.key)));
    return own.length === 0 ? [] : await applyKind(this.machine, stage.kind, own, teardown);
  }

  private resultOf(places: readonly PlacePlan[], tried: readonly KernelChange[], refusals: readonly Refusal[], unread: readonly Unreadable[]): ApplyResult {
    const unreadables = unread.map((change) => ({ change, error: change.error }));
    if (refusals.length === 0) return { applied: tried, failed: unreadables, skipped: [] };
    const refused = new Set(refusals.map(({ change }) => change));
    // Tasks that the plan has no more, too: their objects were to be removed, and went with them.
    const gone = new Set([...this.goneTasks(places), ...this.goneTasks([...refused])]);
    const cables = cablesTo(places, gone);
    const isMoot = ({ place, device }: KernelChange): boolean => gone.has(place) || (device !== null && cables.has(deviceKey(place, device)));
    return {
      applied: tried.filter((change) => !refused.has(change)),
      failed: [...unreadables, ...refusals.filter(({ change }) => !isMoot(change))],
      skipped: [...refused].filter(isMoot),
    };
  }

  private goneTasks(places: readonly { readonly place: Place }[]): Set<Place> {
    return new Set(places.filter(({ place }) => place.startsWith('task:') && this.machine.open(place) === undefined).map(({ place }) => place));
  }

  /**
   * Tasks of earlier plans that this one does not have, as places that should hold nothing of ours: their namespaces
   * may live on (a service that is not published any more). Only as long as the path means the namespace that it meant:
   * a process id may be another's by now.
   */
  private leftPlaces(planned: readonly PlacePlan[]): PlacePlan[] {
    const stays = new Set(planned.map(({ place }) => place));
    // The same namespace may be a planned task's by another name.
    const inUse = new Set([...stays].map((place) => this.machine.open(place)?.namespace.identity.inode));
    const left: PlacePlan[] = [];
    for (const [place, { location, inode }] of this.taskNamespaces) {
      if (stays.has(place)) continue;
      if (!inUse.has(inode) && this.machine.open(place)?.namespace.identity.inode === inode) {
        left.push(placePlan({ place, namespace: location }));
      } else {
        this.machine.forget(place);
        this.taskNamespaces.delete(place);
      }
    }
    return left;
  }

  private remember(planned: readonly PlacePlan[]): void {
    for (const { place, namespace } of planned) {
      const open = place.startsWith('task:') ? this.machine.open(place) : undefined;
      if (open !== undefined) this.taskNamespaces.set(place, { location: namespace, inode: open.namespace.identity.inode });
    }
    if (!this.looksForStrays) return;
    this.looksForStrays = false;
    const known = new Set([...this.taskNamespaces.values()].map(({ inode }) => inode));
    for (const { path, inode } of taskNamespacesWithTraces(this.machine)) {
      if (known.has(inode)) continue;
      const place: Place = `task:left behind in ${path}`;
      this.taskNamespaces.set(place, { location: { path, named: false }, inode });
      this.machine.locate([{ place, namespace: { path, named: false } }]);
    }
  }
}

async function applyKind<K extends Kind>(machine: Machine, kind: K, changes: readonly KernelChange[], teardown: boolean): Promise<Refusal[]> {
  return await reconcilers[kind].apply(machine, changes as readonly ChangeByKind[K][], { teardown });
}

/** Those of which it is true, and the others: of a hundred thousand mostly all are one or the other, and no list is copied. */
function split<Item>(items: readonly Item[], is: (item: Item) => boolean): [readonly Item[], readonly Item[]] {
  const first = items.findIndex(is);
  if (first === -1) return [[], items];
  if (items.every(is)) return [items, []];
  return [items.filter(is), items.filter((item) => !is(item))];
}
