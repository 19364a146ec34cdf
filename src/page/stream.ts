/** The connection to the controller: what it says, and whether it says anything. */
import type { StreamMessages } from './wire.js';

export type ConnectionState =
  | { readonly state: 'live' }
  /** `at`: when the next attempt begins, in milliseconds since 1970. */
  | { readonly state: 'lost'; readonly at: number }
  | { readonly state: 'trying' };

export interface StreamListener {
  hear<Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name]): void;
  connection(state: ConnectionState): void;
}

/** The server says something every ten seconds. */
const silenceMilliseconds = 25_000;
const firstWait = 1_000;
const longestWait = 15_000;
const names: readonly (keyof StreamMessages)[] = ['snapshot', 'figures', 'events', 'beat'];

export class MeshStream {
  private source: EventSource | null = null;
  private wait = firstWait;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly url: string, private readonly listener: StreamListener) {}

  open(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.listener.connection({ state: 'trying' });
    const source = new EventSource(this.url);
    this.source = source;
    source.addEventListener('error', () => { this.lose(); });
    for (const name of names) source.addEventListener(name, ({ data }: MessageEvent<string>) => { this.hear(name, data); });
    this.expect();
  }

  private hear<Name extends keyof StreamMessages>(name: Name, data: string): void {
    this.wait = firstWait;
    this.expect();
    this.listener.connection({ state: 'live' });
    this.listener.hear(name, JSON.parse(data) as StreamMessages[Name]);
  }

  /** A machine that was asleep, or a cable that was pulled, sends no error. */
  private expect(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => { this.lose(); }, silenceMilliseconds);
  }

  /** Tried again by ourselves: a browser gives up for good where the server answers with an error. */
  private lose(): void {
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.listener.connection({ state: 'lost', at: Date.now() + this.wait });
    this.retry = setTimeout(() => { this.open(); }, this.wait);
    this.wait = Math.min(longestWait, this.wait * 2);
  }
}
