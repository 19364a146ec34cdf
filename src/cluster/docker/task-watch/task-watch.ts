/**
 * Follows the changes of tasks for as long as it is wanted, and opens the stream again after each break. While it is not
 * live, tasks have to be polled.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../../controller/backoff.js';
import type { Logger } from '../../../log.js';
import type { TaskEvent } from './messages.js';
import { followTaskStream, type TaskStreamOptions } from './stream.js';

export interface TaskWatchListener {
  /** List all now: what changes from here on is told. */
  onLive(): void;
  /** In the order of Swarm's store. */
  onEvents(events: readonly TaskEvent[]): void;
  /** Once for each time that it was live. */
  onBroken(error: Error): void;
}

export async function followTasks(options: TaskStreamOptions & { readonly logger: Logger }, listener: TaskWatchListener, signal: AbortSignal): Promise<void> {
  const { logger } = options;
  const backoff = new Backoff({ firstMilliseconds: 500, limitMilliseconds: 30_000 });
  let told: string | null = null;
  while (!signal.aborted) {
    let live = false;
    try {
      await followTaskStream(
        options,
        {
          onLive: () => {
            live = true;
            told = null;
            backoff.reset();
            logger.debug('Swarm tells changes of tasks by itself', { socket: options.socket });
            listener.onLive();
          },
          onEvents: (events) => listener.onEvents(events),
        },
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      const { message } = error as Error;
      if (told !== message) logger.debug('Swarm does not tell changes of tasks; they are polled', { socket: options.socket, error });
      told = message;
      if (live) listener.onBroken(error as Error);
    }
    await sleep(backoff.next(), undefined, { signal }).catch(() => undefined);
  }
}
