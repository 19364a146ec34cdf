/** `GET /events`: those that there are, or with `watch=1` lines of JSON without an end, each one event. */
import type { ServerResponse } from 'node:http';
import type { EventListing } from '../controller/event-log.js';
import type { MeshEvent } from '../event.js';
import type { Answer, Question } from './answer.js';

export interface EventFacts {
  /** Events after a sequence. */
  list(after?: number): EventListing;
  /** How many watch at this moment. */
  readonly watchers: number;
  /** Calls back with each from now on; the result ends it. */
  watch(onEvent: (event: MeshEvent) => void): () => void;
}

/** Bytes that may wait for one who does not read his stream: all of the ring, in any script, and more. */
const mostUnread = 4 * 1024 * 1024;
const mostWatchers = 16;

export function answerEvents(events: EventFacts, { query, response, isHead }: Question): Answer | null {
  const after = query.get('after') ?? '0';
  if (!/^\d{1,15}$/.test(after)) return { status: 400, body: { error: `expected after to be the sequence of an event, a whole number, got ${JSON.stringify(after.slice(0, 40))}` } };
  if (query.get('watch') !== '1') return { status: 200, body: events.list(Number(after)) };
  if (events.watchers >= mostWatchers) return { status: 503, body: { error: `${mostWatchers} watch already; end one of them, or ask for /events?after=SEQUENCE from time to time` } };
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' });
  if (isHead) response.end();
  else stream(events, Number(after), response);
  return null;
}

function stream(events: EventFacts, after: number, response: ServerResponse): void {
  const write = (event: MeshEvent): void => {
    if (response.writableLength > mostUnread) response.destroy();
    else response.write(`${JSON.stringify(event)}\n`);
  };
  response.flushHeaders();
  for (const event of events.list(after).events) write(event);
  const end = events.watch(write);
  response.once('close', end);
}
