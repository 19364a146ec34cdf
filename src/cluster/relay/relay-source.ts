/**
 * The cluster as a manager's relay tells it: listed once, then followed change by change.
 *
 * INVARIANTS
 * - One manager at a time is followed; a stream that is silent or breaks leads to the next one, or to the same again.
 * - A manager whose own Docker does not answer is left for one whose does: its state is old, if not wrong.
 * - What does not fit (a line of another grammar, a revision that is not the next) ends the stream; the next try lists.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../controller/backoff.js';
import type { EventRecorder } from '../../event.js';
import type { ClusterListener, ClusterSource, RelayFacts } from '../source.js';
import type { ClusterState } from '../state.js';
import { Teller } from '../teller.js';
import type { Credentials } from './certificates.js';
import { applyChange, ProtocolError, silenceMilliseconds, type Line } from './protocol.js';
import { HistoryGoneError, nameOfManager, RelayError, SilenceError, type Manager } from './relay-call.js';
import { listState, watchState, type RelayPatience } from './relay-client.js';

export interface RelaySourceOptions {
  /** As they are known now; asked before each round. */
  readonly managers: () => readonly Manager[];
  /** Throws CertificateError where there are none. */
  readonly credentials: () => Credentials;
  readonly events: EventRecorder;
  /** A manager itself has a state as good as that of another whose Docker does not answer either. */
  readonly onlyAvailable?: boolean;
  readonly patience?: Partial<RelayPatience>;
  readonly backoff?: Backoff;
}

export function relaySource(options: RelaySourceOptions): ClusterSource {
  const patience: RelayPatience = { silence: silenceMilliseconds, listing: 60_000, ...options.patience };
  let follower: RelayFollower | null = null;
  return {
    get description() {
      return follower?.description ?? 'relay of the managers';
    },
    get relay() {
      return follower?.facts ?? null;
    },
    read: (signal) => readOnce(options, patience, signal),
    follow: (listener, signal) => {
      follower = new RelayFollower(options, patience, listener);
      return follower.run(signal);
    },
  };
}

/** The state of the first manager whose Docker answers, else of the first that answers at all. */
async function readOnce(options: RelaySourceOptions, patience: RelayPatience, signal: AbortSignal): Promise<ClusterState> {
  let stale: ClusterState | null = null;
  const errors: string[] = [];
  for (const manager of options.managers()) {
    try {
      const { available, state } = await listState(manager, options.credentials(), patience, signal);
      if (available) return state;
      stale ??= state;
    } catch (error) {
      signal.throwIfAborted();
      errors.push((error as Error).message);
    }
  }
  if (stale !== null) return stale;
  throw nobodyAnswers(errors);
}

function nobodyAnswers(errors: readonly string[]): RelayError {
  if (errors.length === 0) return new RelayError('This node’s Docker names no manager to follow; see `docker info`.');
  return new RelayError(`No manager's relay answers: ${[...errors].sort().join('; ')}`);
}

/** The manager's own Docker does not answer. */
class StaleManagerError extends RelayError {
  override readonly name = 'StaleManagerError';
  constructor(manager: Manager, readonly state: ClusterState) {
    super(`${nameOfManager(manager)} can't be followed: its own Docker does not answer`);
  }
}

interface Position {
  readonly manager: Manager;
  readonly epoch: string;
  readonly revision: number;
  readonly state: ClusterState;
}

class RelayFollower {
  private readonly teller: Teller;
  private readonly backoff: Backoff;
  private position: Position | null = null;
  private following: Manager | null = null;
  /** Node ids of managers that were silent when they were last tried: each costs time to try again. */
  private readonly silent = new Set<string>();
  /** A stream was lost soon after it began, and no other manager took over. */
  private lostBefore = false;
  /** Why each manager was not followed when it was last tried, by node id. */
  private readonly refused = new Map<string, string>();

  constructor(private readonly options: RelaySourceOptions, private readonly patience: RelayPatience, listener: ClusterListener) {
    this.teller = new Teller(listener);
    this.backoff = options.backoff ?? new Backoff({ firstMilliseconds: 200, limitMilliseconds: 5_000 });
  }

  get description(): string {
    if (this.following === null || this.position === null) return 'relay of the managers';
    return `relay of ${nameOfManager(this.following)}, revision ${this.position.revision}`;
  }

  get facts(): RelayFacts | null {
    return this.following === null || this.position === null ? null : { part: 'follows', revision: this.position.revision, followers: 0 };
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const followed = await this.tryEach(signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
        return false;
      });
      if (signal.aborted) return;
      // A stream that broke is no failure yet: the next manager, or the same, may go on with it.
      if (followed) {
        this.backoff.reset();
        this.lostBefore = false;
      }
      await sleep(this.backoff.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  /** True: one manager was followed, and its stream has ended. */
  private async tryEach(signal: AbortSignal): Promise<boolean> {
    try {
      this.options.credentials();
    } catch (error) {
      this.teller.fail(error as Error);
      return false;
    }
    const errors: Error[] = [];
    let lost = false;
    for (const manager of this.inOrder()) {
      const began = performance.now();
      let established = false;
      try {
        await this.followOne(manager, () => (established = true), signal);
      } catch (error) {
        signal.throwIfAborted();
        this.leave(manager, error as Error);
        errors.push(error as Error);
        if (established && performance.now() - began > this.patience.silence) return true;
        lost ||= established;
        // Others may be silent as long: a controller that has nothing yet begins with what it knew last.
        if (error instanceof SilenceError && this.teller.lastState === null) this.teller.fail(nobodyAnswers(errors.map(({ message }) => message)));
      } finally {
        this.following = null;
      }
    }
    // Once is a manager that starts again; one that takes us in and throws us out each time is as good as none.
    if (lost && !this.lostBefore) {
      this.lostBefore = true;
      return false;
    }
    const stale = errors.find((error) => error instanceof StaleManagerError);
    if (stale !== undefined && this.teller.lastState === null && this.options.onlyAvailable !== true) this.teller.tell(stale.state, 'relay, of a manager whose Docker does not answer');
    this.teller.fail(nobodyAnswers(errors.map(({ message }) => message)));
    return false;
  }

  /** The one followed last can go on where it was; the others in any order, so that followers spread; silent ones at the end. */
  private inOrder(): readonly Manager[] {
    const last = this.position?.manager.nodeId;
    return this.options
      .managers()
      .map((manager) => ({ manager, place: (manager.nodeId === last ? -0.5 : Math.random() / 2) + (this.silent.has(manager.nodeId) ? 1 : 0) }))
      .sort((one, other) => one.place - other.place)
      .map(({ manager }) => manager);
  }

  private async followOne(manager: Manager, onEstablished: () => void, signal: AbortSignal): Promise<never> {
    const { position } = this;
    const credentials = this.options.credentials();
    if (position?.manager.nodeId !== manager.nodeId) {
      this.position = await this.list(manager, credentials, signal);
      onEstablished();
    }
    const onLine = (line: Line): void => {
      this.take(manager, line);
      onEstablished();
    };
    try {
      return await watchState(manager, credentials, this.place(), onLine, this.patience, signal);
    } catch (error) {
      if (!(error instanceof HistoryGoneError)) throw error;
    }
    this.position = await this.list(manager, credentials, signal);
    return watchState(manager, credentials, this.place(), onLine, this.patience, signal);
  }

  private place(): Position {
    if (this.position === null) throw new RelayError('Nothing was listed yet.');
    return this.position;
  }

  private async list(manager: Manager, credentials: Credentials, signal: AbortSignal): Promise<Position> {
    const { available, epoch, revision, state } = await listState(manager, credentials, this.patience, signal);
    if (!available) throw new StaleManagerError(manager, state);
    this.tell(manager, state, 'relay, listed');
    return { manager, epoch, revision, state };
  }

  private take(manager: Manager, line: Line): void {
    const position = this.place();
    if (line.type === 'heartbeat') {
      if (line.revision !== position.revision) throw new ProtocolError(`it is at revision ${line.revision}, expected ${position.revision}`);
      if (!line.available) throw new StaleManagerError(manager, position.state);
      this.tell(manager, position.state, 'relay answers again');
      return;
    }
    if (line.revision !== position.revision + 1) throw new ProtocolError(`it sent revision ${line.revision}, expected ${position.revision + 1}`);
    const state = applyChange(position.state, line);
    this.position = { ...position, revision: line.revision, state };
    this.tell(manager, state, 'relay', line.changedAt);
  }

  private tell(manager: Manager, state: ClusterState, reason: string, changedAt: readonly number[] = []): void {
    if (this.following !== manager) {
      this.following = manager;
      this.options.events.normal('RelayFollowed', { kind: 'relay', name: nameOfManager(manager) }, 'followed from now on');
      this.refused.delete(manager.nodeId);
      this.silent.delete(manager.nodeId);
    }
    this.teller.tell(state, reason, () => changedAt);
  }

  private leave(manager: Manager, error: Error): void {
    // What did not fit once is not built upon.
    if (error instanceof ProtocolError) this.position = null;
    if (error instanceof SilenceError) this.silent.add(manager.nodeId);
    if (this.refused.get(manager.nodeId) === error.message) return;
    this.refused.set(manager.nodeId, error.message);
    this.options.events.warning('RelayLeft', { kind: 'relay', name: nameOfManager(manager) }, error.message);
  }
}
