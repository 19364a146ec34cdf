/**
 * Docker's event stream, followed for ever: connects, reads, and connects again with growing pauses.
 *
 * Whoever follows must look at everything again after each `onGap`: events were missed, or may have been.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { Backoff } from '../../controller/backoff.js';
import type { Logger } from '../../log.js';
import type { DockerClient, Filters } from './client.js';
import { idOf, numberOf, recordOf, textOf } from './json.js';
import { LineSplitter } from './lines.js';

export interface DockerEvent {
  /** `service`, `node`, `network`, `container`, … */
  readonly type: string;
  /** `update`, `die`, `health_status: healthy`, … */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface EventsListener {
  onEvent(event: DockerEvent): void;
  /** Events may have been missed: the stream was (re)connected, or held what is no event. */
  onGap(reason: string): void;
  /** The stream broke, after it was connected; it is connected again later. */
  onBroken(error: Error): void;
}

export interface EventsOptions {
  readonly client: DockerClient;
  readonly filters: Filters;
  readonly listener: EventsListener;
  readonly logger: Logger;
  readonly backoff?: Backoff;
}

/** Doubles are harmless (an event only says: look again), gaps are not. */
const overlapSeconds = 2;

/** Resolves once the signal aborts; never rejects. */
export async function followEvents({ client, filters, listener, logger, backoff = newBackoff() }: EventsOptions, signal: AbortSignal): Promise<void> {
  // By Docker's clock once it has told an event, by ours until then.
  let since = Date.now() / 1000 - overlapSeconds;
  while (!signal.aborted) {
    let connected = false;
    const attempt = new AbortController();
    const end = () => attempt.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      const stream = await client.events(attempt.signal, filters, Number(since.toFixed(3)));
      connected = true;
      listener.onGap('event stream connected');
      await readEvents(stream, {
        onEvent: (event, seconds) => {
          backoff.reset();
          if (seconds !== null) since = seconds;
          listener.onEvent(event);
        },
        onGarbage: (line) => {
          logger.warn('Docker’s event stream holds a line that is no event; everything is looked at again', { line: line.slice(0, 120) });
          listener.onGap('garbage in the event stream');
        },
      }, signal);
      throw new Error('the event stream ended');
    } catch (error) {
      if (signal.aborted) return;
      if (connected) listener.onBroken(isNativeError(error) ? error : new Error(String(error)));
    } finally {
      attempt.abort();
      signal.removeEventListener('abort', end);
    }
    await sleep(backoff.next(), undefined, { signal }).catch(() => undefined);
  }
}

/** A connection to a local socket costs little, and the node waits for it. */
function newBackoff(): Backoff {
  return new Backoff({ firstMilliseconds: 100, limitMilliseconds: 3_000 });
}

interface Reader {
  /** `seconds`: Docker's time of the event. */
  onEvent(event: DockerEvent, seconds: number | null): void;
  onGarbage(line: string): void;
}

/** Resolves when the stream ends, rejects when it breaks. */
async function readEvents(stream: NodeJS.ReadableStream, reader: Reader, signal: AbortSignal): Promise<void> {
  const splitter = new LineSplitter();
  const broken = new AbortController();
  // It may break after it ended; nobody waits for that any more.
  stream.on('error', () => undefined);
  const ended = Promise.race([once(stream, 'end', { signal: broken.signal }), once(stream, 'close', { signal: broken.signal })]);
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const line of splitter.push(chunk)) if (!signal.aborted) readLine(line, reader);
    } catch (error) {
      broken.abort(error);
    }
  });
  try {
    await ended;
  } catch (error) {
    throw broken.signal.aborted ? broken.signal.reason : error;
  }
}

function readLine(line: string, reader: Reader): void {
  if (line.trim() === '') return;
  const event = parseEvent(line);
  if (event === null) reader.onGarbage(line);
  else reader.onEvent(event.event, event.seconds);
}

export function parseEvent(line: string): { event: DockerEvent; seconds: number | null } | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const type = textOf(json, 'Type');
  const action = textOf(json, 'Action');
  if (type === null || action === null) return null;
  const event = { type, action, id: idOf(json, 'Actor', 'ID') ?? '', attributes: recordOf(json, 'Actor', 'Attributes') };
  return { event, seconds: numberOf(json, 'time') };
}
