/** One page that watches, over Server-Sent Events. */
import type { ServerResponse } from 'node:http';
import type { StreamMessages } from '../page/wire.js';
import type { MeshFeed, Watcher } from './page-feed.js';

/** How long a page may leave what it was sent unread, in milliseconds. */
const patienceMilliseconds = 30_000;

/**
 * Streams until either side ends it. A page that reads too slowly misses what comes meanwhile, and gets everything anew
 * once it has caught up: nothing piles up here for it.
 */
export function stream(feed: MeshFeed, response: ServerResponse, onEnd: () => void): void {
  let hasMissed = false;
  let giveUp: NodeJS.Timeout | undefined;

  const send = <Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name]): void => {
    // JSON has no line breaks of its own: one message is one data line.
    if (!response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)) giveUp ??= setTimeout(() => { response.destroy(); }, patienceMilliseconds);
  };
  const watcher: Watcher = {
    tell: (name, data) => {
      if (response.writableNeedDrain) hasMissed = true;
      else send(name, data);
    },
    tellAll: (snapshot, events) => {
      send('snapshot', snapshot);
      send('events', events);
    },
    fail: () => { response.destroy(); },
  };

  response.on('drain', () => {
    clearTimeout(giveUp);
    giveUp = undefined;
    if (!hasMissed) return;
    hasMissed = false;
    feed.tellAll(watcher);
  });
  const stop = feed.watch(watcher);
  response.once('close', () => {
    clearTimeout(giveUp);
    stop();
    onEnd();
  });
}
