/**
 * Brings a node's first-hand news to every manager, each by itself: one that does not answer holds up nobody else. What
 * counts is the latest, whole: it is sent until it has arrived, and repeated for as long as there is something to say.
 */
import { Backoff } from '../../controller/backoff.js';
import type { Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import type { Credentials } from './certificates.js';
import { isEmptyNews, noNews, type News } from './protocol.js';
import { nameOfManager, tellNews, type Manager } from './relay-client.js';

export interface NewsCourierOptions {
  /** As they are known now, without this node. */
  readonly managers: () => readonly Manager[];
  /** Throws CertificateError where there are none. */
  readonly credentials: () => Credentials;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly intervals?: Partial<NewsIntervals>;
}

export interface NewsIntervals {
  /** Between two tellings of the same: managers forget it three times as late. */
  readonly repeat: number;
  /** For one telling. */
  readonly patience: number;
}

const defaultIntervals: NewsIntervals = { repeat: 20_000, patience: 5_000 };

export class NewsCourier {
  /** By the manager's name and address. */
  private readonly rounds = new Map<string, Round>();
  private readonly ending = new AbortController();

  constructor(private readonly options: NewsCourierOptions) {}

  /** In place of all that was to be told before. */
  bring(news: News): void {
    if (this.ending.signal.aborted) return;
    const managers = new Map(this.options.managers().map((manager) => [nameOfManager(manager), manager]));
    for (const [name, round] of this.rounds) {
      if (managers.has(name)) continue;
      round.end();
      this.rounds.delete(name);
    }
    for (const [name, manager] of managers) {
      const round = this.rounds.get(name) ?? new Round(manager, this.options, this.ending.signal);
      this.rounds.set(name, round);
      round.bring(news);
    }
  }

  /** What is on its way is given up. */
  close(): void {
    this.ending.abort();
  }
}

/** One manager's. */
class Round {
  /** Of the telling at hand: what is rung for an earlier one is told by this one. */
  private alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 200, limitMilliseconds: 5_000 });
  private readonly intervals: NewsIntervals;
  private wanted: News = noNews;
  private delivered: News = noNews;
  private isUnderWay = false;
  private hasEnded = false;

  constructor(private readonly manager: Manager, private readonly options: NewsCourierOptions, private readonly signal: AbortSignal) {
    this.intervals = { ...defaultIntervals, ...options.intervals };
  }

  bring(news: News): void {
    this.wanted = news;
    this.alarm.ring();
    if (!this.isUnderWay) void this.run();
  }

  /** Whoever is no manager any more need not know. */
  end(): void {
    this.hasEnded = true;
    this.alarm.ring();
  }

  /** Until there is nothing to say, and the manager knows that. */
  private async run(): Promise<void> {
    this.isUnderWay = true;
    while (!this.signal.aborted && !this.isSettled()) {
      this.alarm = new Alarm();
      const arrived = await this.tell(this.wanted);
      if (!this.isSettled()) await this.alarm.wait(arrived ? this.intervals.repeat : this.backoff.next(), this.signal);
    }
    this.isUnderWay = false;
  }

  private isSettled(): boolean {
    return this.hasEnded || (isEmptyNews(this.wanted) && isEmptyNews(this.delivered));
  }

  private async tell(news: News): Promise<boolean> {
    try {
      await tellNews(this.manager, this.options.credentials(), news, this.intervals.patience, this.signal);
      this.delivered = news;
      this.backoff.reset();
      return true;
    } catch (error) {
      if (!this.signal.aborted) this.options.logger.debug('First-hand news did not arrive; they are told again', { error });
      return false;
    }
  }
}
