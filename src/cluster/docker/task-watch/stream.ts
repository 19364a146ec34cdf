/**
 * swarmkit's Watch on a manager's own socket: gRPC over TLS. The other end must be a manager of this Swarm, by the Swarm's
 * root certificate; who may open the socket (root) needs no certificate of its own.
 */
import { readFile } from 'node:fs/promises';
import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { decodeTaskEvents, encodeTaskWatch, type TaskEvent } from './messages.js';

export interface TaskStreamOptions {
  /** dockerd's `swarm/control.sock`. */
  readonly socket: string;
  /** PEM of the Swarm's root. */
  readonly authority: string;
}

export interface TaskStreamListener {
  /** Every change from now on will be told: what is listed now can be kept up to date. */
  onLive(): void;
  onEvents(events: readonly TaskEvent[]): void;
}

const method = '/docker.swarmkit.v1.Watch/Watch';
/** Every manager's certificate bears its role as a name. */
const managerName = 'swarm-manager';
const openMilliseconds = 30_000;

/** Rejects when the stream can't be opened or ends; resolves when the signal aborts. */
export async function followTaskStream(options: TaskStreamOptions, listener: TaskStreamListener, signal: AbortSignal): Promise<void> {
  const authority = await readFile(options.authority);
  const client = new Client(`unix:${options.socket}`, credentials.createSsl(authority), {
    'grpc.ssl_target_name_override': managerName,
    'grpc.default_authority': managerName,
  });
  try {
    const stream = client.makeServerStreamRequest(method, (request: Buffer) => request, decodeTaskEvents, encodeTaskWatch());
    await consume(stream, listener, signal);
  } finally {
    client.close();
  }
}

function consume(stream: ClientReadableStream<TaskEvent[]>, listener: TaskStreamListener, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let live = false;
    // Over at once, whatever the other end does with the cancellation.
    const stop = () => { stream.cancel(); resolve(); };
    const opening = setTimeout(() => {
      reject(new Error(`Swarm’s task watch said nothing for ${openMilliseconds / 1000} s`));
      stream.cancel();
    }, openMilliseconds);
    stream.on('data', (events: TaskEvent[]) => {
      if (signal.aborted) return;
      clearTimeout(opening);
      if (!live) listener.onLive();
      live = true;
      if (events.length > 0) listener.onEvents(events);
    });
    stream.on('error', (error) => { reject(error); });
    stream.on('end', () => { reject(new Error('Swarm’s task watch ended')); });
    stream.on('close', () => { clearTimeout(opening); signal.removeEventListener('abort', stop); });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
