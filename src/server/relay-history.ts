/** What a manager's relay tells: its state, and the latest of the changes that led to it. */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { changeBetween, type Line, type Listing } from '../cluster/relay/protocol.js';
import type { ClusterState } from '../cluster/state.js';

/** Followers that missed more list again. In changes, and in characters of their lines. */
const mostChanges = 256;
const longestHistory = 8 * 1024 * 1024;

export class RelayHistory {
  /** Names this history: revisions of another one mean nothing here. */
  readonly epoch = randomBytes(16).toString('hex');
  private revision = 0;
  private state: ClusterState | null = null;
  private available = false;
  private listing: Buffer | null = null;
  /** The lines of the latest revisions, the last one of `revision`. */
  private readonly lines: string[] = [];
  private length = 0;
  private readonly watchers = new Set<(line: string) => void>();

  /** The revision of the state that is told; 0 before the first. */
  get latest(): number {
    return this.revision;
  }

  /** The manager's own source told this state: it answers. */
  publish(state: ClusterState, changedAt: readonly number[] = []): void {
    const before = this.state;
    if (before === null || !isDeepStrictEqual(before, state)) {
      this.revision += 1;
      this.state = state;
      this.listing = null;
      if (before !== null) this.remember(asLine(changeBetween(before, state, this.revision, changedAt)));
    }
    this.setAvailable(true);
  }

  /** Whether the manager's own source answers. */
  setAvailable(available: boolean): void {
    if (this.available === available) return;
    this.available = available;
    this.listing = null;
    if (this.state !== null) this.tell(this.heartbeat());
  }

  /** False: the cluster has no such node (any more), as far as is known. */
  mayHave(nodeId: string): boolean {
    return this.state === null || this.state.nodes.some(({ id }) => id === nodeId);
  }

  /** The body of an answer; null before the first state. */
  list(): Buffer | null {
    if (this.state === null) return null;
    const listing: Listing = { epoch: this.epoch, revision: this.revision, available: this.available, state: this.state };
    this.listing ??= Buffer.from(`${JSON.stringify(listing)}\n`);
    return this.listing;
  }

  /** The lines after a revision of an epoch; null when this history does not have them all. */
  since(epoch: string, after: number): readonly string[] | null {
    const missed = this.revision - after;
    if (epoch !== this.epoch || this.state === null || missed < 0 || missed > this.lines.length) return null;
    return missed === 0 ? [] : this.lines.slice(-missed);
  }

  heartbeat(): string {
    return asLine({ type: 'heartbeat', revision: this.revision, available: this.available });
  }

  /** Calls back with each line from now on; the result ends it. */
  watch(onLine: (line: string) => void): () => void {
    this.watchers.add(onLine);
    return () => this.watchers.delete(onLine);
  }

  private remember(line: string): void {
    this.lines.push(line);
    this.length += line.length;
    while (this.lines.length > mostChanges || this.length > longestHistory) this.length -= this.lines.shift()?.length ?? this.length;
    this.tell(line);
  }

  private tell(line: string): void {
    for (const onLine of [...this.watchers]) onLine(line);
  }
}

function asLine(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}
