/**
 * News to one manager, line after line on one request, which it answers line by line. None waits for the answer to the one
 * before: a telling takes as long as a line takes, and no handshake.
 */
import { LineSplitter } from '../docker/lines.js';
import type { Credentials } from './certificates.js';
import { longestHeard, newsPath, parseHeard, ProtocolError, type News } from './protocol.js';
import { RelayCall, RelayError, type Manager } from './relay-call.js';

/** What is told while so many are not heard yet is told by the next one: a slow manager is not buried. */
const mostUnderWay = 4;

export interface NewsStreamOptions {
  readonly manager: Manager;
  readonly credentials: Credentials;
  /** Milliseconds until the connection, or a telling, is given up. */
  readonly patience: number;
  /** The manager has heard it, so many milliseconds after it was told. */
  readonly onHeard: (news: News, milliseconds: number) => void;
  /** RelayError: what is under way may not have arrived. Never after `close`. */
  readonly onBroken: (error: Error) => void;
}

export class NewsStream {
  private readonly call: RelayCall;
  private readonly ending = new AbortController();
  private readonly lines = new LineSplitter(longestHeard);
  /** The oldest first. */
  private readonly underWay: { readonly news: News; readonly toldAt: number }[] = [];
  private heard = 0;

  constructor(private readonly options: NewsStreamOptions) {
    const { manager, credentials, patience } = options;
    this.call = new RelayCall(manager, credentials, newsPath, patience, this.ending.signal, 'POST');
    void this.run();
  }

  get credentials(): Credentials {
    return this.options.credentials;
  }

  /** False: too much is under way; to be told again when some of it is heard. */
  tell(news: News): boolean {
    if (this.underWay.length >= mostUnderWay) return false;
    if (this.underWay.length === 0) this.call.hearsFrom();
    this.underWay.push({ news, toldAt: performance.now() });
    this.call.write(`${JSON.stringify(news)}\n`);
    return true;
  }

  close(): void {
    this.ending.abort();
  }

  private async run(): Promise<void> {
    try {
      await this.call.run((piece) => {
        for (const text of this.lines.push(piece)) this.hear(text);
      });
      throw new RelayError(`${this.call.name} ended the stream of news`);
    } catch (error) {
      if (!this.ending.signal.aborted) this.options.onBroken(error as Error);
    }
  }

  private hear(text: string): void {
    const told = this.underWay.shift();
    this.heard += 1;
    if (told === undefined || parseHeard(text).heard !== this.heard) throw new ProtocolError('it has heard what was not told');
    if (this.underWay.length === 0) this.call.awaitsNothing();
    else this.call.hearsFrom();
    this.options.onHeard(told.news, performance.now() - told.toldAt);
  }
}
