/**
 * The first processes of containers: when one ends, so has its container. Docker says that too, but only after it has
 * unmounted the container's files and taken it off its networks.
 */
import type { Logger } from '../../log.js';
import type { LocalTask } from '../source.js';

/** Calls back once, when the process has ended. Throws where it can't be watched. */
export type WatchProcessEnd = (processId: number, onEnd: () => void) => ProcessWatch;

interface ProcessWatch {
  close(): void;
}

interface Watched {
  readonly processId: number;
  /** Null: it can't be watched. */
  readonly watch: ProcessWatch | null;
}

export class ProcessWatches {
  /** By container id. */
  private readonly watched = new Map<string, Watched>();

  constructor(
    private readonly watchProcessEnd: WatchProcessEnd,
    private readonly onEnd: (containerId: string) => void,
    private readonly logger: Logger,
  ) {}

  /** Watches these and no others; by container id. */
  follow(containers: ReadonlyMap<string, LocalTask>): void {
    for (const [id, { processId, watch }] of this.watched) {
      if (containers.get(id)?.processId === processId) continue;
      watch?.close();
      this.watched.delete(id);
    }
    for (const [id, { processId }] of containers) {
      if (processId !== undefined && !this.watched.has(id)) this.watched.set(id, { processId, watch: this.watch(id, processId) });
    }
  }

  close(): void {
    this.follow(new Map());
  }

  /** One that has ended already, or runs where we can't see it, is Docker's to tell. */
  private watch(containerId: string, processId: number): ProcessWatch | null {
    try {
      return this.watchProcessEnd(processId, () => { this.onEnd(containerId); });
    } catch (error) {
      this.logger.debug('The process of a container can’t be watched; Docker says when it ends', { container: containerId, processId, error });
      return null;
    }
  }
}
