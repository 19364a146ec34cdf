/**
 * Brings a node's first-hand news to every manager, each by itself: one that does not answer holds up nobody else. What
 * counts is the latest, whole: it is sent until it has arrived, and repeated for as long as there is something to say.
 * Where there is nothing, that is said now and then: it keeps the line open.
 */
import { Backoff } from '../../controller/backoff.js';
import type { Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import type { Credentials } from './certificates.js';
import { isEmptyNews, lineMilliseconds, noNews, type News } from './protocol.js';
import { nameOfManager, NewsLine, type Manager } from './relay-client.js';

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
  /** Between two tellings that there is nothing to say. */
  readonly idle: number;
  /** For one telling. */
  readonly patience: number;
}

const defaultIntervals: NewsIntervals = { repeat: 20_000, idle: lineMilliseconds / 3, patience: 5_000 };

export class NewsCourier {
  /** By the manager's name and address. */
  private readonly rounds = new Map<string, Round>();
  private readonly ending = new AbortController();
  private news: News = noNews;

  constructor(private readonly options: NewsCourierOptions) {}

  /** In place of all that was to be told before. */
  bring(news: News): void {
    this.news = news;
    for (const round of this.rounds.values()) round.bring(news);
    this.meetManagers();
  }

  /** They may be others by now: who is new is told all, who is none any more nothing. */
  meetManagers(): void {
    if (this.ending.signal.aborted) return;
    const managers = new Map(this.options.managers().map((manager) => [nameOfManager(manager), manager]));
    for (const [name, round] of this.rounds) {
      if (managers.has(name)) continue;
      round.end();
      this.rounds.delete(name);
    }
    for (const [name, manager] of managers) {
      if (!this.rounds.has(name)) this.rounds.set(name, new Round(manager, this.news, this.options, this.ending.signal));
    }
  }

  /** What is on its way is given up. */
  close(): void {
    this.ending.abort();
  }
}

/** One manager's. */
class Round {
  private readonly line: NewsLine;
  /** Of the telling at hand: what is rung for an earlier one is told by this one. */
  private alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 200, limitMilliseconds: 5_000 });
  private readonly intervals: NewsIntervals;
  private delivered: News = noNews;
  private hasEnded = false;

  constructor(private readonly manager: Manager, private wanted: News, private readonly options: NewsCourierOptions, private readonly signal: AbortSignal) {
    this.line = new NewsLine(manager);
    this.intervals = { ...defaultIntervals, ...options.intervals };
    void this.run();
  }

  bring(news: News): void {
    this.wanted = news;
    this.alarm.ring();
  }

  /** Whoever is no manager any more need not know. */
  end(): void {
    this.hasEnded = true;
    this.alarm.ring();
  }

  private async run(): Promise<void> {
    while (!this.signal.aborted && !this.hasEnded) {
      this.alarm = new Alarm();
      const arrived = await this.tell(this.wanted);
      if (!this.hasEnded) await this.alarm.wait(this.pause(arrived), this.signal);
    }
    this.line.close();
  }

  private pause(arrived: boolean): number {
    if (isEmptyNews(this.wanted) && isEmptyNews(this.delivered)) return this.intervals.idle;
    return arrived ? this.intervals.repeat : this.backoff.next();
  }

  private async tell(news: News): Promise<boolean> {
    const began = performance.now();
    try {
      await this.line.tell(this.options.credentials(), news, this.intervals.patience, this.signal);
      if (!isEmptyNews(news)) this.options.logger.debug('First-hand news arrived', { manager: nameOfManager(this.manager), milliseconds: Math.round(performance.now() - began) });
      this.delivered = news;
      this.backoff.reset();
      return true;
    } catch (error) {
      if (!this.signal.aborted) this.options.logger.debug('First-hand news did not arrive; they are told again', { error });
      return false;
    }
  }
}
