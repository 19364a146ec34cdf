/** What a node says of its own tasks, line by line for as long as it goes on, and the answer to each line. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LineSplitter, LineTooLongError } from '../cluster/docker/lines.js';
import { linesType, longestNews, parseNews, type Heard, type News } from '../cluster/relay/protocol.js';

export interface NewsHearing {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Milliseconds after which one that says nothing is dropped. */
  readonly silence: number;
  /** Bytes of answers that may wait for one that does not read them. */
  readonly unread: number;
  /** Gives why the node is not heard (any more); null: it is. */
  readonly onNews: (news: News) => string | null;
  /** Nothing of it was heard yet. */
  readonly refuse: (status: number, reason: string) => void;
  /** In its middle. */
  readonly drop: (reason: string) => void;
}

/** The end of the request ends a line, too. */
export function hearNews(hearing: NewsHearing): void {
  new Hearing(hearing).begin();
}

class Hearing {
  private readonly lines = new LineSplitter(longestNews);
  private heard = 0;
  private isOver = false;
  private silence: NodeJS.Timeout | undefined;

  constructor(private readonly hearing: NewsHearing) {}

  begin(): void {
    const { request, silence } = this.hearing;
    this.silence = setTimeout(() => { this.end(408, 'it said nothing for too long'); }, silence);
    request.on('data', (piece: Buffer) => { this.explaining(() => this.lines.push(piece)); });
    request.on('end', () => { this.onEnd(); });
    request.on('close', () => { clearTimeout(this.silence); });
  }

  private explaining(read: () => readonly string[]): void {
    if (this.isOver) return;
    try {
      for (const line of read()) this.hear(line);
    } catch (error) {
      this.end(error instanceof LineTooLongError ? 413 : 400, (error as Error).message);
    }
  }

  private onEnd(): void {
    this.explaining(() => {
      const rest = this.lines.rest();
      return rest === '' && this.heard > 0 ? [] : [rest];
    });
    if (!this.isOver) this.hearing.response.end();
  }

  private hear(line: string): void {
    if (this.isOver) return;
    const { response, unread, onNews } = this.hearing;
    const refused = onNews(parseNews(line));
    if (refused !== null) {
      this.end(403, refused);
      return;
    }
    this.silence?.refresh();
    if (this.heard === 0) response.writeHead(200, { 'content-type': linesType });
    this.heard += 1;
    if (response.writableLength > unread) this.end(408, 'it does not read what it is answered');
    else response.write(`${JSON.stringify({ heard: this.heard } satisfies Heard)}\n`);
  }

  private end(status: number, reason: string): void {
    this.isOver = true;
    clearTimeout(this.silence);
    if (this.heard === 0) this.hearing.refuse(status, reason);
    else this.hearing.drop(reason);
  }
}
