/**
 * Brings a node's first-hand news to every manager, each by itself: one that does not answer holds up nobody else. What
 * counts is the latest, whole: it is told until it is heard, and repeated for as long as there is something to say. Where
 * there is nothing, that is said now and then: it keeps the stream open.
 */
import { Backoff } from '../../controller/backoff.js';
import type { Logger } from '../../log.js';
import type { Credentials } from './certificates.js';
import { NewsStream } from './news-stream.js';
import { isEmptyNews, newsSilenceMilliseconds, noNews, type News } from './protocol.js';
import { nameOfManager, type Manager } from './relay-call.js';

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
  /** Between two tellings that there is nothing to say; at most so long the stream is not there when there is nothing. */
  readonly idle: number;
  /** For one telling. */
  readonly patience: number;
}

const defaultIntervals: NewsIntervals = { repeat: 20_000, idle: newsSilenceMilliseconds / 3, patience: 5_000 };

/** Between two attempts at what is to be said, in milliseconds. */
const longestPause = 5_000;

export class NewsCourier {
  /** By the manager's name and address. */
  private readonly rounds = new Map<string, Round>();
  private news: News = noNews;
  private isClosed = false;

  constructor(private readonly options: NewsCourierOptions) {}

  /** In place of all that was to be told before. */
  bring(news: News): void {
    this.news = news;
    for (const round of this.rounds.values()) round.bring(news);
    this.meetManagers();
  }

  /** They may be others by now: who is new is told all, who is none any more nothing. */
  meetManagers(): void {
    if (this.isClosed) return;
    const managers = new Map(this.options.managers().map((manager) => [nameOfManager(manager), manager]));
    for (const [name, round] of this.rounds) {
      if (managers.has(name)) continue;
      round.end();
      this.rounds.delete(name);
    }
    for (const [name, manager] of managers) {
      if (!this.rounds.has(name)) this.rounds.set(name, new Round(manager, this.news, this.options));
    }
  }

  /** What is on its way is given up. */
  close(): void {
    this.isClosed = true;
    for (const round of this.rounds.values()) round.end();
    this.rounds.clear();
  }
}

/** One manager's. */
class Round {
  private readonly intervals: NewsIntervals;
  private readonly backoff: Backoff;
  private stream: NewsStream | null = null;
  /** By the stream at hand. */
  private told: News | null = null;
  private heard: News = noNews;
  private timer: NodeJS.Timeout | undefined;
  private hasEnded = false;

  constructor(private readonly manager: Manager, private wanted: News, private readonly options: NewsCourierOptions) {
    this.intervals = { ...defaultIntervals, ...options.intervals };
    this.backoff = new Backoff({ firstMilliseconds: 200, limitMilliseconds: this.intervals.idle });
    this.tell();
  }

  bring(news: News): void {
    this.wanted = news;
    this.tell();
  }

  /** Whoever is no manager any more need not know. */
  end(): void {
    this.hasEnded = true;
    clearTimeout(this.timer);
    this.stream?.close();
  }

  private tell(): void {
    if (this.hasEnded) return;
    try {
      if (this.streamBy(this.options.credentials()).tell(this.wanted)) this.told = this.wanted;
    } catch (error) {
      this.onBroken(error as Error);
      return;
    }
    this.tellAgainIn(this.pause());
  }

  /** What was opened with another certificate does not outlive it. */
  private streamBy(credentials: Credentials): NewsStream {
    if (this.stream?.credentials === credentials) return this.stream;
    this.stream?.close();
    this.told = null;
    this.stream = new NewsStream({
      manager: this.manager,
      credentials,
      patience: this.intervals.patience,
      onHeard: (news, milliseconds) => { this.onHeard(news, milliseconds); },
      onBroken: (error) => { this.onBroken(error); },
    });
    return this.stream;
  }

  private onHeard(news: News, milliseconds: number): void {
    if (!isEmptyNews(news)) this.options.logger.debug('First-hand news arrived', { manager: nameOfManager(this.manager), milliseconds: Math.round(milliseconds) });
    this.heard = news;
    this.backoff.reset();
    if (this.told === this.wanted) this.tellAgainIn(this.pause());
    else this.tell();
  }

  private onBroken(error: Error): void {
    this.options.logger.debug('First-hand news may not have arrived; they are told again', { error });
    this.stream?.close();
    this.stream = null;
    const pause = this.backoff.next();
    this.tellAgainIn(this.hasNothingToSay ? pause : Math.min(pause, longestPause));
  }

  private pause(): number {
    return this.hasNothingToSay ? this.intervals.idle : this.intervals.repeat;
  }

  private get hasNothingToSay(): boolean {
    return isEmptyNews(this.wanted) && isEmptyNews(this.heard);
  }

  private tellAgainIn(milliseconds: number): void {
    clearTimeout(this.timer);
    if (!this.hasEnded) this.timer = setTimeout(() => { this.tell(); }, milliseconds);
  }
}
