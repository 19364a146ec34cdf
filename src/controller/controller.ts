/**
 * The loop. Level-triggered: events only say *look again*; every sync plans anew from the whole state and asks the
 * kernel what differs.
 *
 * INVARIANTS
 * - Nothing is programmed before the cluster state and the node's own tasks are both known: half a picture would
 *   remove real servers that live.
 * - While a source does not answer, the last good state is served.
 * - A real server that must take no more connections is told so at once, whatever else is under way, and one to which
 *   the way is laid may take them at once; no sync undoes it.
 * - Stopping leaves the kernel as it is.
 */
import { performance } from 'node:perf_hooks';
import type { ClusterSource, LocalTask, LocalTasks } from '../cluster/source.js';
import type { ClusterState } from '../cluster/state.js';
import type { EventObject, EventRecorder } from '../event.js';
import type { Change } from '../kernel/change.js';
import type { ConnectionCount } from '../kernel/connections.js';
import { isRepair } from '../kernel/repair.js';
import { bothDoubted, ipvsDoubted, type Doubted } from '../kernel/glance.js';
import type { KernelStatistics } from '../kernel/statistics.js';
import type { Logger } from '../log.js';
import type { MetricsFacts } from '../metrics/facts.js';
import type { PlanContext } from '../plan/context.js';
import type { NodePlan } from '../plan/node-plan.js';
import { portKey } from '../plan/fwmark.js';
import { routerAddress } from '../plan/addresses.js';
import { peersOf } from '../plan/peers.js';
import { Planner } from '../plan/plan.js';
import { findById } from '../sharing.js';
import type { Settings } from '../settings.js';
import { Arrivals } from './arrivals.js';
import { AtOnce, joined, leftToDo } from './at-once.js';
import { askWhyNoSets, supposingSets } from './sets.js';
import { ChangeLog } from './change-log.js';
import { ClusterWatch, type StateStore } from './cluster-watch.js';
import { ConditionLog } from './condition-log.js';
import { Doubts } from './doubts.js';
import { DrainWatch } from './drain-watch.js';
import type { EventLog } from './event-log.js';
import { Gatherer } from './gather.js';
import type { Health } from './health.js';
import type { Insight } from './insight.js';
import { Instruments, type SyncKind } from './instruments.js';
import { LookPace } from './look-pace.js';
import { Looks } from './looks.js';
import type { ApplyResult, MeshKernel } from './mesh-kernel.js';
import { PeerWatch } from './peer-watch.js';
import { beginsForNobodyYet, opensForNobodyYet, steadyPriority, type Priority } from './priority.js';
import { portReports, type Readiness, type StatusReport } from './report.js';
import { SyncLog, type SyncEnd } from './sync-log.js';
import { SyncQueue } from './sync-queue.js';

export interface ControllerOptions {
  readonly version: string;
  readonly settings: Settings;
  readonly node: { readonly id: string; readonly name: string };
  readonly source: ClusterSource;
  readonly localTasks: LocalTasks;
  readonly kernel: MeshKernel;
  readonly store: StateStore;
  readonly eventLog: EventLog;
  /** Tells the event log. */
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Left out: it stays as it is. */
  readonly priority?: Priority;
}

/** Hints from the kernel come in bursts: one look serves all of this time. */
const kernelHintMilliseconds = 300;
/** Our own changes come back as hints for so long. They are looked at too, somebody may have meddled meanwhile, but there is no hurry. */
const echoMilliseconds = 1_000;
const echoHintMilliseconds = 3_000;
/** What the kernel holds already is told of so much later: the processor is needed for the connections that come now, and for the next task. */
const toldMilliseconds = 1_000;
/** A look that gave way to a change is begun again after so long: more changes mostly follow, and what it had read is lost each time. */
const putOffMilliseconds = 2_000;
const kernelHint = 'kernel hint';
const echo = 'hint at our own change';
const resync = 'resync';
/** Looks that are in no hurry: nobody is known to have changed anything. */
const regularLooks: ReadonlySet<string> = new Set([resync, echo]);
/** The kind of what concerns services none of whose tasks runs yet. */
const forNobodyYet = 'for nobody yet';
/** Events that `status` shows. */
const latestEvents = 10;
/**
 * Kinds of reasons for which the kernel itself must be looked at, and where it is hinted at as well. For all others what
 * the last plan left there is known, and only what the new plan changes is applied: in the middle of a rolling update a
 * whole look comes too late.
 */
const reasonsToLookEverywhere: ReadonlySet<string> = new Set([resync, 'retry']);

export class Controller {
  private readonly queue = new SyncQueue((reason, kinds) => this.syncSafely(reason, kinds).finally(() => { this.priority.raise(); }));
  private readonly drains: DrainWatch;
  private readonly instruments = new Instruments();
  private readonly gatherer = new Gatherer();
  private readonly planner = new Planner();
  private readonly pace: LookPace;
  private readonly looks = new Looks();
  private readonly atOnce: AtOnce;
  private readonly doubts = new Doubts();
  private readonly syncs: SyncLog;
  private readonly conditions: ConditionLog;
  private readonly priority: Priority;
  private readonly startedAt = new Date();
  private readonly changes: ChangeLog;
  private readonly cluster: ClusterWatch;
  private readonly peers: PeerWatch;
  private readonly arrivals: Arrivals;
  private currentPlan: NodePlan | null = null;
  /** The plan that the kernel is known to have held; null after a failure. */
  private lastApplied: NodePlan | null = null;
  /** The last plan that the kernel has held whole: what both it and a new plan ask for, and is not there, somebody took. */
  private lastHeld: NodePlan | null = null;
  private lastContext: PlanContext | null = null;
  /** The last state that was heard of. */
  private heard: ClusterState | null = null;
  private hurrying: NodeJS.Immediate | undefined;
  /** Why the next sync is wanted, in this turn, and of which kind each reason is. */
  private readonly reasons = new Map<string, string>();
  private silent: Pick<PlanContext, 'deadPeers' | 'unreachedTasks'> = { deadPeers: new Set(), unreachedTasks: new Set() };
  /** Whether the last sync found something that somebody else had changed. */
  private hasRepaired = false;
  /** When we last changed the kernel, by performance.now(). Infinity: that is under way. */
  private lastChangeAt = -Infinity;
  /** When IPVS was last told something at once, by performance.now(). */
  private lastToldAt = -Infinity;

  constructor(private readonly options: ControllerOptions) {
    const { kernel, settings, events, logger } = options;
    this.priority = options.priority ?? steadyPriority;
    this.atOnce = new AtOnce(kernel);
    this.pace = new LookPace(settings.resyncMilliseconds);
    this.syncs = new SyncLog(options.node, events);
    this.conditions = new ConditionLog(events);
    this.changes = new ChangeLog({ node: options.node.name, events, logger });
    this.cluster = new ClusterWatch({ ...options, onChange: (reason, changedAt) => { this.onClusterChange(reason, changedAt); } });
    this.drains = new DrainWatch({ nodeId: options.node.id, cluster: this.cluster, kernel, events, ports: () => this.currentPlan?.ports ?? [], hasPeers: () => this.peers.reports().length > 0, onEnded: () => { this.queue.request('drained'); } });
    this.peers = new PeerWatch({
      probe: kernel.probe(),
      timeoutMilliseconds: settings.peerTimeoutMilliseconds,
      events,
      logger,
      onChange: (what) => { this.onChange(what); },
    });
    this.arrivals = new Arrivals({ nodeId: options.node.id, probe: kernel.probe(), events, onChange: (what) => { this.onChange(what); } });
  }

  /** Runs until the signal aborts, then ends the sync at hand and resolves. The kernel keeps what it has. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, kernel, events, version } = this.options;
    events.normal('Started', this.self, `routemesh ${version} started`, { source: source.description });
    kernel.watch((what, doubted) => { this.onKernelChange(what, doubted); });
    this.peers.start();
    await this.cluster.follow(signal);
    this.looks.stop();
    await this.queue.close();
    this.drains.close();
    this.peers.close();
    this.arrivals.close();
    clearImmediate(this.hurrying);
    kernel.close();
    events.normal('Stopped', this.self, 'stopped; the mesh goes on as it is programmed');
  }

  /** `connections`: by `connectionKey`, as `statistics` has just read them; none are told where they are left out. */
  report(connections: ReadonlyMap<string, ConnectionCount> = new Map()): StatusReport {
    return {
      version: this.options.version,
      node: this.options.node,
      ...this.readiness(),
      startedAt: this.startedAt.toISOString(),
      uptimeSeconds: Math.floor((Date.now() - this.startedAt.getTime()) / 1_000),
      syncs: this.syncs.count,
      repairs: this.changes.repairs(),
      nodes: this.cluster.state?.nodes ?? [],
      peers: this.peers.reports(),
      ports: portReports(this.currentPlan?.ports ?? [], connections),
      conditions: this.conditions.list(),
      events: this.options.eventLog.latest(latestEvents),
    };
  }

  readiness(): Readiness {
    return { programmed: this.isProgrammed(), source: this.cluster.report(), lastSync: this.syncs.last };
  }

  /** One look at IPVS for all of it. */
  async metrics(): Promise<MetricsFacts> {
    const { version, node, source, eventLog, kernel } = this.options;
    return {
      version,
      node: node.name,
      programmed: this.isProgrammed(),
      source: { available: this.cluster.report().available, relay: source.relay ?? null },
      queueDepth: this.queue.depth,
      drainingTasks: this.drains.count,
      instruments: this.instruments,
      changes: this.changes.changes(),
      repairs: this.changes.repairs(),
      conditions: this.conditions.list(),
      events: eventLog.totals(),
      nodes: this.cluster.state?.nodes ?? [],
      peers: this.peers.reports(),
      // After the plan was taken: what is planned meanwhile has its turn at the next scrape.
      ports: this.currentPlan?.ports ?? [],
      statistics: await kernel.statistics(),
    };
  }

  health(): Health {
    return this.instruments.health(this.pace.pause());
  }

  statistics(): Promise<KernelStatistics> {
    return this.options.kernel.statistics();
  }

  clusterState(): ClusterState | null {
    return this.cluster.state;
  }

  nodePlan(): NodePlan | null {
    return this.currentPlan;
  }

  insight(): Insight {
    return {
      heldPorts: (this.currentPlan?.places ?? []).flatMap(({ placeholders }) => placeholders.map(({ protocol, port }) => portKey(protocol, port))),
      deadPeers: [...this.peers.dead()],
      unreachedTasks: [...this.arrivals.unreached()],
      drains: this.drains.records(),
    };
  }

  private get self(): EventObject {
    return { kind: 'node', name: this.options.node.name };
  }

  private isProgrammed(): boolean {
    return this.syncs.last !== null && !this.syncs.isFailing;
  }

  private onClusterChange(reason: string, changedAt: readonly number[]): void {
    this.instruments.heard(changedAt);
    const { heard, cluster: { state } } = this;
    this.heard = state;
    this.onChange(reason, heard !== null && state !== null && beginsForNobodyYet(heard, state));
  }

  /** The cluster, this node's tasks, or which peers and which of their tasks answer. */
  private onChange(reason: string, isForLater = false): void {
    if (!isForLater) this.priority.raise();
    if (this.cluster.state !== null) this.arrivals.follow(this.cluster.state);
    this.looks.giveWay();
    this.reasons.set(reason, isForLater && this.reasons.get(reason) !== reason ? forNobodyYet : reason);
    // Once for all that comes in one turn, and after the other nodes were told of it.
    this.hurrying ??= setImmediate(() => { this.hurry(); });
  }

  /** What IPVS is to know at once, and the sync for all else: what is left of it where nothing is, can wait for others. */
  private hurry(): void {
    const reasons = [...this.reasons];
    this.reasons.clear();
    this.hurrying = undefined;
    const isForNobodyYet = reasons.every(([, kind]) => kind === forNobodyYet);
    const isAllDone = !isForNobodyYet && this.tellIpvsAtOnce() && this.queue.isIdle;
    if (isAllDone) this.instruments.told();
    for (const [reason, kind] of reasons) {
      if (isAllDone) this.queue.requestPatiently(toldMilliseconds, reason);
      else this.queue.request(reason, kind);
    }
  }

  private onKernelChange(what: string, doubted: Doubted): void {
    this.doubts.add(doubted);
    // A failing sync leaves traces that would call for the next one at once: its backoff decides instead.
    if (this.syncs.isFailing) return;
    if (performance.now() - this.lastChangeAt < echoMilliseconds) this.queue.requestWithin(Math.max(echoHintMilliseconds, this.pace.least()), what, echo);
    else this.queue.requestWithin(kernelHintMilliseconds, what, kernelHint);
  }

  private async syncSafely(reason: string, kinds: ReadonlySet<string>): Promise<void> {
    if (this.putsOff(kinds)) return;
    // Without a plan that the kernel held all of it has to be looked at, for those who are served, too.
    if (this.lastApplied !== null && [...kinds].every((kind) => kind === forNobodyYet)) this.priority.lower();
    const running = this.instruments.begin();
    const doubted = this.doubtedFor(kinds);
    let result: ApplyResult | null = { applied: [], failed: [] };
    let broken: Error | null = null;
    try {
      // Before the state is read: between that and the plan nothing may come.
      const whyNoSets = await askWhyNoSets(this.cluster.state, this.options.settings, this.options.kernel);
      const { state } = this.cluster;
      const localTasks = this.cluster.tasks();
      if (state === null || localTasks === null) {
        running.abandon();
        this.doubts.add(doubted);
        this.conditions.replace(this.cluster.conditions());
        return;
      }
      result = await this.sync({ state, localTasks, whyNoSets }, reason, doubted);
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      this.lastApplied = null;
    }
    if (result === null) {
      running.abandon();
      this.doubts.add(doubted);
      this.queue.requestWithin(putOffMilliseconds, 'look put off', kernelHint);
      return;
    }
    const kind = doubted === 'everywhere' ? 'full' : doubted.size > 0 ? 'partial' : 'incremental';
    const milliseconds = running.end(kind, broken === null && result.failed.length === 0);
    this.finish({ reason, milliseconds, result, broken }, kind);
  }

  /** A regular look holds up the event loop for a while, and takes the processor: neither a task that is about to run nor the first connections to it should wait for that. */
  private putsOff(kinds: ReadonlySet<string>): boolean {
    const isRegular = [...kinds].every((kind) => regularLooks.has(kind)) && this.lastApplied !== null;
    const isBusy = this.cluster.state?.tasks.some(({ starting }) => starting === true) === true || performance.now() - Math.max(this.lastChangeAt, this.lastToldAt) < echoMilliseconds;
    if (!isRegular || !isBusy || !this.looks.mayWait()) return false;
    for (const kind of kinds) this.queue.requestAfter(putOffMilliseconds, kind);
    return true;
  }

  /** Where the kernel is to be looked at for what must be looked at; nowhere, where what it holds is known. */
  private doubtedFor(kinds: ReadonlySet<string>): Doubted {
    if (this.lastApplied === null || [...kinds].some((kind) => reasonsToLookEverywhere.has(kind))) this.doubts.add('everywhere');
    else if (!kinds.has(kernelHint) && !kinds.has(echo)) return new Map();
    // This look serves what was hinted at before it.
    this.queue.cancel(kernelHint);
    this.queue.cancel(echo);
    return this.doubts.take();
  }

  private async sync(
    { state, localTasks, whyNoSets }: { state: ClusterState; localTasks: ReadonlyMap<string, LocalTask>; whyNoSets: string | null },
    reason: string,
    doubted: Doubted,
  ): Promise<ApplyResult | null> {
    const { settings, node, kernel, logger } = this.options;
    const served = this.drains.apply(state, localTasks);
    const context = this.gatherer.gather(served, { nodeId: node.id, settings, kernel, localTasks, whyNoSets, ...this.unanswering() }, doubted, (task, error) =>
      logger.debug('A task’s namespace can’t be used', { task, error }),
    );
    const next = this.planner.plan(served, context);
    this.currentPlan = next;
    this.lastContext = context;
    const known = this.lastApplied;
    if (known !== null && opensForNobodyYet(known, next)) this.priority.lower();
    const told = this.atOnce.take(next, known);
    const where = told.isOvertaken ? bothDoubted(doubted, ipvsDoubted) : doubted;
    const isLook = known === null || where === 'everywhere' || where.size > 0;
    const changes = isLook ? await this.lookFor(next, known, where) : leftToDo(kernel.differenceFrom(known, next), told.changes);
    if (changes === null) {
      this.atOnce.putBack(told, next);
      return null;
    }
    // What two plans differ by was taken by nobody.
    const repairs = isLook ? changes.filter((change) => isRepair(change, this.lastHeld, next)) : [];
    this.hasRepaired = repairs.length > 0;
    const { applied, failed } = await this.apply(next, changes);
    const result: ApplyResult = { applied: isLook ? joined(told.changes, applied) : [...told.changes, ...applied], failed };
    this.changes.tell(result, repairs, reason);
    this.lastApplied = result.failed.length === 0 ? next : null;
    this.lastHeld = this.lastApplied ?? this.lastHeld;
    this.followPeers(state);
    return result;
  }

  private async apply(plan: NodePlan, changes: readonly Change[]): Promise<ApplyResult> {
    if (changes.length === 0) return { applied: [], failed: [] };
    this.lastChangeAt = Infinity;
    try {
      return await this.options.kernel.apply(plan, changes);
    } finally {
      this.lastChangeAt = performance.now();
    }
  }

  /** A look takes its time; what changed meanwhile is left to the sync that waits. Null: it was given up for that. */
  private async lookFor(next: NodePlan, known: NodePlan | null, doubted: Doubted): Promise<readonly Change[] | null> {
    const began = performance.now();
    const glance = known === null || doubted === 'everywhere' ? undefined : { doubted, known };
    const changes = await this.looks.look((signal) => this.options.kernel.difference(next, signal, glance), known !== null);
    if (changes === null) return null;
    if (glance === undefined) this.pace.looked(performance.now() - began, changes.length > 0);
    else this.pace.glanced(performance.now() - began, changes.length > 0);
    return this.atOnce.without(changes, next);
  }

  /** Asked from now on, over the cables that this sync has laid. */
  private followPeers(state: ClusterState): void {
    const own = state.nodes.find(({ id }) => id === this.options.node.id);
    if (own !== undefined) this.peers.follow(peersOf(state, own.id).peers, routerAddress(own.address));
  }

  /** Whether the kernel holds all that is known to be wanted by now. */
  private tellIpvsAtOnce(): boolean {
    const began = performance.now();
    const { state } = this.cluster;
    const localTasks = this.cluster.tasks();
    if (state === null || localTasks === null || this.lastApplied === null || this.lastContext === null) return false;
    // Of nothing nothing can be taken.
    if (this.lastApplied.ports.length === 0) return false;
    const served = this.drains.apply(state, localTasks);
    const known = this.lastContext.localTasks;
    const alive = [...known.keys()].every((id) => localTasks.has(id)) ? known : new Map([...known].filter(([id]) => localTasks.has(id)));
    const soon = this.planner.plan(served, { ...this.lastContext, whyNoSets: supposingSets(this.lastContext.whyNoSets), localTasks: alive, ...this.unanswering() });
    const { isSomething, isAll } = this.atOnce.tell(this.lastApplied, soon);
    if (isSomething) {
      this.lastToldAt = performance.now();
      this.instruments.urgent(this.lastToldAt - began);
    }
    // A task that has come since is laid its cable by a sync.
    const hasCable = ([id, { namespace }]: readonly [string, LocalTask]): boolean => alive.get(id)?.path === namespace || findById(served.tasks, id)?.nodeId !== this.options.node.id;
    return isAll && [...localTasks].every(hasCable);
  }

  private unanswering(): Pick<PlanContext, 'deadPeers' | 'unreachedTasks'> {
    const { deadPeers, unreachedTasks } = this.silent;
    this.silent = { deadPeers: sameSet(deadPeers, this.peers.dead()), unreachedTasks: sameSet(unreachedTasks, this.arrivals.unreached()) };
    return this.silent;
  }

  private finish(end: SyncEnd, kind: SyncKind): void {
    this.syncs.ended(end);
    if (end.result.applied.length > 0) this.pace.changed();
    this.conditions.replace([...this.cluster.conditions(), ...this.peers.conditions(this.options.node), ...(this.currentPlan?.conditions ?? []), ...this.syncs.conditions()]);
    const waitMilliseconds = this.syncs.retry();
    if (waitMilliseconds === null) this.queue.cancel('retry');
    else this.queue.requestAfter(waitMilliseconds, 'retry');
    this.drains.watch();
    // Syncs without a whole look bring the next one nearer where they change something, and put none off.
    if (kind === 'full') this.queue.requestAfter(this.pace.pause(), resync);
    else this.queue.requestWithin(this.hasRepaired ? this.pace.afterMeddling() : this.pace.pause(), resync);
  }
}

function sameSet(last: ReadonlySet<string>, now: ReadonlySet<string>): ReadonlySet<string> {
  return last.size === now.size && [...now].every((member) => last.has(member)) ? last : now;
}
