/**
 * A manager's part: its own Docker is the source, and what it tells goes to the other nodes as well. While it fails
 * (no quorum, hung, stopped) for longer than a moment, other managers are followed, where one's Docker answers.
 */
import type { EventRecorder } from '../../event.js';
import type { Logger } from '../../log.js';
import type { ClusterSource } from '../source.js';
import type { ClusterState } from '../state.js';
import type { Teller } from '../teller.js';
import type { NewsBoard } from './news-board.js';
import type { Publisher } from './publisher.js';

export interface ManagerPartOptions {
  readonly docker: ClusterSource;
  /** The other managers' relays, only of those whose Docker answers. */
  readonly others: ClusterSource;
  readonly publisher: Publisher;
  /** What nodes say of their own tasks before Docker does. */
  readonly news: NewsBoard;
  readonly teller: Teller;
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly patienceMilliseconds: number;
}

export class ManagerPart {
  /** As the own Docker told it; null before the first. */
  private state: ClusterState | null = null;
  /** Why the own Docker does not answer; null while it does. */
  private failure: Error | null = null;
  private patience: NodeJS.Timeout | undefined;
  /** Ends the following of others; null while nobody else is followed. */
  private others: AbortController | null = null;
  private othersAnswer = false;

  constructor(private readonly options: ManagerPartOptions) {}

  get description(): string {
    const { docker, others } = this.options;
    return this.othersAnswer ? `${docker.description} (fails; for now ${others.description})` : docker.description;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { docker, news, publisher, teller } = this.options;
    news.onChange(() => {
      if (!signal.aborted && this.state !== null && this.failure === null) this.tell(this.state, 'first-hand news', []);
    });
    try {
      await docker.follow(
        {
          onState: (state, reason, changedAt) => {
            if (signal.aborted) return;
            this.failure = null;
            this.leaveOthers();
            this.state = state;
            this.tell(state, reason, changedAt ?? []);
          },
          onUnavailable: (error) => {
            if (signal.aborted) return;
            publisher.setUnavailable();
            if (this.failure === null) this.patience = setTimeout(() => this.followOthers(signal), this.options.patienceMilliseconds);
            this.failure = error;
            if (!this.othersAnswer) teller.fail(error);
          },
        },
        signal,
      );
    } finally {
      this.leaveOthers();
      // Who is no manager any more does not know the cluster.
      publisher.setUnavailable();
    }
  }

  private tell(state: ClusterState, reason: string, changedAt: readonly number[]): void {
    const { news, publisher, teller } = this.options;
    const now = news.applyTo(state);
    publisher.publish(now, changedAt);
    teller.tell(now, reason, () => changedAt);
  }

  private followOthers(signal: AbortSignal): void {
    const { others, teller, events, logger } = this.options;
    const ending = new AbortController();
    this.others = ending;
    const over = AbortSignal.any([signal, ending.signal]);
    others
      .follow(
        {
          onState: (state, reason, changedAt) => {
            if (over.aborted) return;
            if (!this.othersAnswer) events.warning('OtherManagerFollowed', { kind: 'source', name: others.description }, `followed, because this manager’s own Docker does not answer: ${this.failure?.message ?? ''}`);
            this.othersAnswer = true;
            teller.tell(state, reason, () => changedAt ?? []);
          },
          onUnavailable: () => {
            if (over.aborted) return;
            this.othersAnswer = false;
            if (this.failure !== null) teller.fail(this.failure);
          },
        },
        over,
      )
      .catch((error: unknown) => logger.error('Other managers can’t be followed', { error }));
  }

  private leaveOthers(): void {
    clearTimeout(this.patience);
    this.others?.abort();
    this.others = null;
    this.othersAnswer = false;
  }
}
