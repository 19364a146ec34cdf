/** Waits for a connection to a published port, and follows it through this node to its end. Only reads. */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { IpvsUnavailableError, readIpvsConnections, readSysctl, readTcpSockets } from '../../../native/index.js';
import { SavedState } from '../../cluster/saved-state.js';
import type { ClusterState, Ipv4Address } from '../../cluster/state.js';
import { Machine, type OpenPlace } from '../../kernel/machine.js';
import { hostOf } from '../../plan/addresses.js';
import { fwmarkOf, portKey } from '../../plan/fwmark.js';
import { peersOf } from '../../plan/peers.js';
import type { Settings } from '../../settings.js';
import type { TraceRequest } from '../request.js';
import { endingOf } from './ending.js';
import { entryOf } from './entry.js';
import { listenToNode, listenToTasks, type Ear, type EarOptions } from './listen.js';
import { lookUp } from './look-up.js';
import type { Ending, Moment, Summary } from './moment.js';
import { Story } from './story.js';
import { summaryOf } from './summary.js';

type Needed = Pick<Settings, 'names' | 'stateFolder' | 'gatewaySubnet'>;

export interface FollowRequest extends Pick<TraceRequest, 'protocol' | 'port'> {
  /** Null: whoever comes. */
  readonly client: Ipv4Address | null;
}

export interface FollowOptions {
  /** How long to wait for a connection to begin; once it has, it is followed to its end. */
  readonly timeoutMilliseconds: number;
  /** Ends waiting and following. */
  readonly signal: AbortSignal;
  /** Called once with the names of the places that are listened to, then about twice a second while nobody comes. */
  waiting(places: readonly string[], leftMilliseconds: number): void;
  tell(moment: Moment): void;
}

/** Milliseconds between two looks at what has no events: IPVS's table, sockets, the clock. */
const pause = 100;
/** Of a look at whole tables, the share of the time that it may take: one busy with 100,000 connections is seldom read. */
const tableShare = 0.05;
/** Milliseconds between two looks for tasks that have come since. */
const taskPause = 2_000;
/** Milliseconds that the last places get to say what happened, once the first one has. */
const settling = 300;

/** Null when nobody came in time. Rejects when the kernel can't be asked (not root). */
export async function follow(settings: Needed, request: FollowRequest, options: FollowOptions): Promise<Summary | null> {
  const machine = await Machine.create({ settings });
  const cluster = await new SavedState(settings.stateFolder).load().catch(() => null);
  const follower = new Follower(machine, settings, request, options, cluster);
  try {
    return await follower.run();
  } finally {
    follower.close();
    machine.close();
  }
}

class Follower {
  private readonly story: Story;
  private readonly addresses: ReadonlySet<string>;
  private servers = new Set<string>();
  private nodeEars: readonly Ear[] = [];
  private taskEars: readonly Ear[] = [];
  private failure: Error | null = null;
  private hasMissed = false;
  private tablesAfter = 0;
  private tasksAfter = 0;

  constructor(
    private readonly machine: Machine,
    private readonly settings: Needed,
    private readonly request: FollowRequest,
    private readonly options: FollowOptions,
    private readonly cluster: ClusterState | null,
  ) {
    machine.locate([
      { place: 'sandbox', namespace: { path: `/run/netns/${settings.names.sandbox}`, named: true } },
      { place: 'fabric', namespace: { path: `/run/netns/${settings.names.fabric}`, named: true } },
    ]);
    this.addresses = new Set(machine.require('host').routes().addresses('inet').map(({ address }) => address.split('/')[0] ?? ''));
    this.story = new Story({
      ...request,
      isLocal: (address) => address.startsWith('127.') || this.addresses.has(address),
      isServer: (address, port) => this.servers.has(`${address}:${port}`),
    });
  }

  async run(): Promise<Summary | null> {
    this.requireEvents();
    this.nodeEars = listenToNode(this.machine, this.settings.names, this.earOptions());
    const ending = await this.untilItEnds();
    if (ending === null) return null;
    if (ending !== 'interrupted') await sleep(settling);
    this.lookUpAll();
    this.readTables(performance.now());
    return this.summary(ending);
  }

  close(): void {
    for (const { conntrack } of [...this.nodeEars, ...this.taskEars]) conntrack.close();
    for (const { namespace } of this.taskEars) namespace.close();
  }

  /** Null: nobody came. */
  private async untilItEnds(): Promise<Ending | null> {
    const { timeoutMilliseconds, signal } = this.options;
    const start = performance.now();
    for (;;) {
      const now = performance.now();
      if (this.failure !== null) throw this.failure;
      if (this.story.begun === null) {
        const left = timeoutMilliseconds - (now - start);
        this.lookForTasks(now);
        if (left <= 0 || signal.aborted) return null;
        this.options.waiting(this.allEars().map(({ where }) => where.name), left);
      } else {
        if (signal.aborted) return 'interrupted';
        this.look(now);
        const ending = endingOf({ protocol: this.request.protocol, chapters: this.story.chapters, quietMilliseconds: now - this.story.lastChange });
        if (ending !== null) return ending;
      }
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  private look(now: number): void {
    const isIncomplete = this.story.chapters.at(-1)?.where.place !== 'task';
    if (this.hasMissed || (isIncomplete && now - this.story.lastChange > settling)) this.lookUpAll();
    if (now >= this.tablesAfter) this.readTables(now);
  }

  private allEars(): readonly Ear[] {
    return [...this.nodeEars, ...this.taskEars];
  }

  private earOptions(): EarOptions {
    return {
      onEvent: (where, event) => {
        const now = performance.now();
        const hadBegun = this.story.begun !== null;
        this.tellAll(this.story.hear(where, event, now));
        // IPVS has chosen by now, and what comes behind is found by its choice.
        if (!hadBegun && this.story.begun !== null) this.readTables(now);
      },
      onOverflow: () => { this.hasMissed = true; },
      onError: (error) => { this.failure = error; },
    };
  }

  private tellAll(moments: readonly Moment[]): void {
    for (const moment of moments) this.options.tell(moment);
  }

  /** Entries of the connection as they are now, for events that were lost, and for counters. */
  private lookUpAll(): void {
    this.hasMissed = false;
    for (const { where, entry } of lookUp(this.request.protocol, this.story.chapters, this.allEars())) {
      this.tellAll(this.story.hear(where, { kind: 'update', entry }, performance.now()));
      this.story.count(where.key, entryOf(entry).counters);
    }
  }

  private readTables(now: number): void {
    const sandbox = this.nodeEars.find(({ where }) => where.place === 'sandbox');
    const taskKey = this.story.chapters.find(({ where }) => where.place === 'task')?.where.key;
    const task = this.taskEars.find(({ where }) => where.key === taskKey);
    if (sandbox !== undefined) this.tellAll(this.story.hearIpvs(sandbox.where, readIpvsConnections(sandbox.namespace), now));
    if (task !== undefined && this.request.protocol === 'tcp') this.tellAll(this.story.hearSockets(readTcpSockets(task.namespace), now));
    this.tablesAfter = now + (performance.now() - now) / tableShare;
  }

  private lookForTasks(now: number): void {
    if (now < this.tasksAfter) return;
    this.tasksAfter = now + taskPause;
    const servers = realServersOf(this.machine.open('sandbox'), this.request);
    this.servers = new Set(servers.map(({ address, port }) => `${address}:${port}`));
    const found = listenToTasks(this.machine, this.cluster, new Set(servers.map(({ address }) => address)), this.taskEars, this.earOptions());
    this.taskEars = [...this.taskEars, ...found];
  }

  /** @throws where the kernel was told to keep its events to itself */
  private requireEvents(): void {
    if (readSysctl(['net', 'netfilter', 'nf_conntrack_events']) !== '0') return;
    throw new Error('This node’s connection tracking tells no events (sysctl net.netfilter.nf_conntrack_events is 0), without which no connection can be followed. Let it tell them to whoever listens: `sysctl -w net.netfilter.nf_conntrack_events=2` (1 on kernels before 6.1).');
  }

  private summary(ending: Ending): Summary {
    const { request, settings, cluster, story } = this;
    const until = ending === 'unanswered' || ending === 'half-closed' || ending === 'interrupted' ? performance.now() : story.lastChange;
    const own = cluster?.nodes.find(({ address }) => this.addresses.has(address));
    const peers = cluster === null || own === undefined ? [] : peersOf(cluster, own.id).peers;
    return summaryOf({
      protocol: request.protocol,
      port: portKey(request.protocol, request.port),
      chapters: story.chapters,
      socket: story.socket,
      ending,
      durationMilliseconds: Math.max(0, Math.round(until - (story.begun ?? 0))),
      node: own?.name ?? hostname(),
      names: settings.names,
      sandbox: hostOf(settings.gatewaySubnet, 2),
      taskAt: (address) => ({
        name: cluster?.tasks.find(({ identity }) => identity.address === address)?.name ?? null,
        isHere: this.taskEars.some(({ addresses }) => addresses.includes(address)),
      }),
      peerOf: (zone) => peers.find(({ number }) => number === zone)?.name ?? null,
    });
  }
}

/** None where there is no sandbox, or no IPVS in this kernel: then the connection itself shows what is missing. */
function realServersOf(sandbox: OpenPlace | undefined, { protocol, port }: FollowRequest): readonly { readonly address: string; readonly port: number }[] {
  if (sandbox === undefined) return [];
  try {
    const mark = fwmarkOf(protocol, port);
    const service = sandbox.ipvs().services().find(({ key }) => key.kind === 'fwmark' && key.fwmark === mark);
    return service === undefined ? [] : sandbox.ipvs().destinations(service.key);
  } catch (error) {
    if (error instanceof IpvsUnavailableError) return [];
    throw error;
  }
}
