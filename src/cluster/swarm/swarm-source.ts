/**
 * The cluster as a node of a Swarm knows it: a manager asks its own Docker and serves the relay, a worker follows the
 * managers' relays. Which of the two it is, Docker says, and it may change at any time.
 *
 * INVARIANTS
 * - While Docker does not say clearly what the node is, it keeps the part that it had.
 * - A change of part keeps the last state until the new part tells one.
 * - A node that became another one (it left its Swarm and joined anew) must start again: everything of it is another's.
 */
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { EventRecorder } from '../../event.js';
import type { Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import type { SwarmInfo } from '../docker/swarm-info.js';
import type { CredentialStore } from '../relay/credential-store.js';
import type { NewsCourier } from '../relay/news-courier.js';
import type { ClusterListener, ClusterSource, RelayFacts } from '../source.js';
import type { ClusterState } from '../state.js';
import { Teller } from '../teller.js';
import { ManagerPart } from './manager-part.js';
import { membershipOf, NoSwarmError, type SwarmMembership } from './membership.js';
import type { FirstHand } from './first-hand.js';
import type { NewsBoard } from './news-board.js';
import type { Publisher } from './publisher.js';
import { followSwarmFolder, seesSwarmFolder } from './swarm-folder.js';

export interface SwarmSourceOptions {
  /** As it was when the controller started. */
  readonly membership: SwarmMembership;
  /** `docker info`. Rejects while Docker does not answer. */
  readonly ask: (signal: AbortSignal) => Promise<SwarmInfo>;
  readonly remember: (membership: SwarmMembership) => Promise<void>;
  readonly docker: ClusterSource;
  /** A source that follows the managers' relays. `onlyAvailable`: only of managers whose Docker answers. */
  readonly relay: (managers: () => SwarmMembership['managers'], onlyAvailable: boolean) => ClusterSource;
  readonly credentials: CredentialStore;
  readonly publisher: Publisher;
  /** What this node knows of its own tasks before the managers do. */
  readonly firstHand: FirstHand;
  /** Brings it to those of the managers that are not this node. */
  readonly courier: (managers: () => SwarmMembership['managers']) => Pick<NewsCourier, 'bring' | 'meetManagers' | 'close'>;
  /** What this node says of its own tasks, and on a manager what others say of theirs. */
  readonly news: NewsBoard;
  /** On which the relay is served; null: the one by which Swarm knows the node. */
  readonly relayAddress: string | null;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly intervals?: Partial<SwarmIntervals>;
}

export interface SwarmIntervals {
  /** Between two questions to Docker, whose answer is a tenth of a second of its time. */
  readonly look: number;
  /** The same while Swarm's folder tells when there is something to ask about. */
  readonly watchedLook: number;
  /** So long after it has told Docker is asked as if it did not: its answer may lag behind the files. */
  readonly afterChange: number;
  /** So long a manager's own Docker may fail before other managers are followed. */
  readonly patience: number;
}

const defaultIntervals: SwarmIntervals = { look: 5_000, watchedLook: 60_000, afterChange: 60_000, patience: 5_000 };

/** This node is not the one that the controller was started for. */
export class NodeChangedError extends Error {
  override readonly name = 'NodeChangedError';
  constructor(before: string, now: string) {
    super(`This node was ${before} of its Swarm and is ${now} now: it left and joined again. The controller must start anew; its service manager does so.`);
  }
}

export function swarmSource(options: SwarmSourceOptions): ClusterSource {
  let follower: SwarmFollower | null = null;
  return {
    get description() {
      return follower?.description ?? options.membership.role;
    },
    get relay() {
      return follower?.relay ?? null;
    },
    read: async (signal) => {
      const { role, managers } = options.membership;
      if (role === 'manager') return options.docker.read(signal);
      await options.credentials.read();
      return options.relay(() => managers, false).read(signal);
    },
    follow: (listener, signal) => {
      follower = new SwarmFollower(options, listener);
      return follower.run(signal);
    },
  };
}

/** What a node does by its role, until it is stopped. */
interface Part {
  readonly role: SwarmMembership['role'];
  readonly stop: AbortController;
  readonly description: () => string;
  readonly relay: () => RelayFacts | null;
}

class SwarmFollower {
  private readonly teller: Teller;
  private readonly alarm = new Alarm();
  private readonly intervals: SwarmIntervals;
  private membership: SwarmMembership;
  private part: Part | null = null;
  private hasLeft = false;
  /** A part that broke instead of ending: an error of ours. */
  private broken: Error | null = null;
  private unclear: string | null = null;
  private changedAt = performance.now();

  constructor(private readonly options: SwarmSourceOptions, listener: ClusterListener) {
    this.teller = new Teller(listener);
    this.membership = options.membership;
    this.intervals = { ...defaultIntervals, ...options.intervals };
  }

  get description(): string {
    const { role } = this.membership;
    return this.part === null ? role : `${role}: ${this.part.description()}`;
  }

  get relay(): RelayFacts | null {
    return this.part?.relay() ?? null;
  }

  /** Rejects with NodeChangedError. */
  async run(signal: AbortSignal): Promise<void> {
    // A promotion, a demotion and a new Swarm are new certificates: the quickest hint that there is.
    const forget = this.options.credentials.onChange(() => { this.placeChanged(); });
    const own = new AbortController();
    // Both parts begin by it. Where there is none yet, who needs it says so, and it is awaited below.
    await this.options.credentials.read().catch(() => undefined);
    const until = AbortSignal.any([signal, own.signal]);
    const following = Promise.all([
      this.options.credentials.follow(until),
      followSwarmFolder(this.membership.dockerRoot, () => { this.placeChanged(); }, until),
    ]);
    const courier = this.options.courier(() => this.otherManagers());
    this.options.firstHand.onNews((news) => {
      courier.bring(news);
      // Also on a worker: what it knows itself need not come back from a manager first.
      this.options.news.put(this.membership.nodeId, news);
    });
    try {
      while (!signal.aborted) {
        await this.takePart();
        courier.meetManagers();
        await this.alarm.wait(this.untilNextLook(), signal);
        if (!signal.aborted) await this.look(signal);
        if (this.broken !== null) throw this.broken;
      }
    } finally {
      forget();
      own.abort();
      courier.close();
      this.options.news.close();
      this.part?.stop.abort();
      await this.options.publisher.serveOn(null);
      await following;
    }
  }

  private placeChanged(): void {
    this.changedAt = performance.now();
    this.alarm.ring();
  }

  /** In milliseconds. What is unclear is asked about until it is clear. */
  private untilNextLook(): number {
    const isTold = this.unclear === null && !this.hasLeft && performance.now() - this.changedAt > this.intervals.afterChange && seesSwarmFolder(this.membership.dockerRoot);
    return isTold ? this.intervals.watchedLook : this.intervals.look;
  }

  private async look(signal: AbortSignal): Promise<void> {
    let info: SwarmInfo;
    try {
      info = await this.options.ask(signal);
    } catch (error) {
      if (!signal.aborted) this.tellUnclear((error as Error).message);
      return;
    }
    this.hasLeft = info.localState === 'inactive';
    const membership = membershipOf(info);
    if (membership === null) {
      this.tellUnclear(`Docker calls this node's part in the Swarm ${info.localState}`);
      return;
    }
    this.unclear = null;
    if (membership.nodeId !== this.membership.nodeId) throw new NodeChangedError(this.membership.nodeId, membership.nodeId);
    if (isDeepStrictEqual(membership, this.membership)) return;
    if (membership.role !== this.membership.role) this.options.events.normal('RoleChanged', { kind: 'node', name: membership.name }, `is a ${membership.role} now`);
    this.membership = membership;
    this.options.remember(membership).catch((error: unknown) => {
      this.options.logger.warn('The node’s place in the Swarm could not be kept on disk', { error });
    });
  }

  private tellUnclear(reason: string): void {
    if (this.unclear !== reason) this.options.logger.debug('Docker does not say what this node is; it keeps its part', { reason });
    this.unclear = reason;
  }

  private async takePart(): Promise<void> {
    const { role, address } = this.membership;
    if (this.hasLeft) {
      this.leavePart();
      this.teller.fail(new NoSwarmError('This node has left its Swarm. Join one with `docker swarm join`, or remove the mesh with `routemesh cleanup`.'));
    } else if (this.part?.role !== role) {
      this.leavePart();
      this.part = role === 'manager' ? this.beManager() : this.beWorker();
    }
    await this.options.publisher.serveOn(this.part?.role === 'manager' ? (this.options.relayAddress ?? address) : null);
  }

  private leavePart(): void {
    this.part?.stop.abort();
    this.part = null;
  }

  private beManager(): Part {
    const { docker, publisher, events, logger } = this.options;
    const stop = new AbortController();
    const manager = new ManagerPart({
      docker,
      others: this.options.relay(() => this.otherManagers(), true),
      publisher,
      news: this.options.news,
      teller: this.teller,
      events,
      logger,
      patienceMilliseconds: this.intervals.patience,
    });
    this.start(manager.run(stop.signal), stop.signal);
    return { role: 'manager', stop, description: () => `${manager.description}, ${publisher.description}`, relay: () => publisher.facts };
  }

  private otherManagers(): SwarmMembership['managers'] {
    return this.membership.managers.filter(({ nodeId }) => nodeId !== this.membership.nodeId);
  }

  private beWorker(): Part {
    const stop = new AbortController();
    const { news } = this.options;
    const relay = this.options.relay(() => this.membership.managers, false);
    let told: ClusterState | null = null;
    const tell = (state: ClusterState, reason: string, changedAt: readonly number[] = []): void => {
      told = state;
      this.teller.tell(news.applyTo(state), reason, () => changedAt);
    };
    news.onChange(() => {
      if (!stop.signal.aborted && told !== null && !this.teller.isFailing) tell(told, 'first-hand news');
    });
    const listener: ClusterListener = {
      onState: (state, reason, changedAt) => {
        if (!stop.signal.aborted) tell(state, reason, changedAt);
      },
      onUnavailable: (error) => {
        if (stop.signal.aborted) return;
        this.teller.fail(error);
        // Perhaps this node is a manager by now, or its managers are others.
        this.alarm.ring();
      },
    };
    this.start(relay.follow(listener, stop.signal), stop.signal);
    return { role: 'worker', stop, description: () => relay.description, relay: () => relay.relay ?? null };
  }

  private start(running: Promise<void>, signal: AbortSignal): void {
    running.catch((error: unknown) => {
      if (signal.aborted) return;
      this.broken = error instanceof Error ? error : new Error(String(error));
      this.alarm.ring();
    });
  }
}
