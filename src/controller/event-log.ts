/**
 * The events of late, in bounded memory.
 *
 * INVARIANTS
 * - The same event seen again within a while is one event, counted, with the latest sequence and time.
 * - However many there are, and whatever strangers wrote into them, memory is bounded: so many events, so many characters.
 * - Chatter does not push out trouble: while normal events are the larger part, the oldest of them goes first.
 */
import type { EventReason, EventSink, EventType, MeshEvent, NewEvent } from '../event.js';

export interface EventLogOptions {
  readonly now?: () => Date;
  readonly mostEvents?: number;
}

export interface EventListing {
  /** Of the controller; sequences of another start mean nothing here. RFC 3339. */
  readonly startedAt: string;
  /** Of the latest event; 0 before the first. */
  readonly latest: number;
  /** The oldest first. */
  readonly events: readonly MeshEvent[];
}

export interface EventCount {
  readonly type: EventType;
  readonly reason: EventReason;
  readonly count: number;
}

const defaultMostEvents = 1_000;
const longestMessage = 500;
const longestName = 200;
/** The same event within so long after the last is the same event still; in milliseconds. */
const mergeWindow = 10 * 60_000;

export class EventLog implements EventSink {
  /** By what makes events the same, in the order of their sequence. */
  private readonly events = new Map<string, MeshEvent>();
  private readonly counts = new Map<string, { readonly type: EventType; readonly reason: EventReason; count: number }>();
  private readonly watching = new Set<(event: MeshEvent) => void>();
  private readonly startedAt: string;
  private readonly now: () => Date;
  private readonly mostEvents: number;
  private sequence = 0;

  constructor({ now = () => new Date(), mostEvents = defaultMostEvents }: EventLogOptions = {}) {
    this.now = now;
    this.mostEvents = mostEvents;
    this.startedAt = now().toISOString();
  }

  add({ type, reason, object, message }: NewEvent): void {
    const time = this.now();
    this.countOne(type, reason);
    this.sequence += 1;
    const said = { type, reason, object: { kind: object.kind, name: cut(object.name, longestName) }, message: cut(message, longestMessage) };
    const key = [type, reason, object.kind, said.object.name, said.message].join('\u0000');
    const before = this.events.get(key);
    const continues = before !== undefined && time.getTime() - Date.parse(before.lastTime) <= mergeWindow;
    const event: MeshEvent = {
      sequence: this.sequence,
      ...said,
      count: continues ? before.count + 1 : 1,
      firstTime: continues ? before.firstTime : time.toISOString(),
      lastTime: time.toISOString(),
    };
    // Set anew at the end, so that the map's order is that of time.
    this.events.delete(key);
    this.events.set(key, event);
    if (this.events.size > this.mostEvents) this.dropOne();
    for (const onEvent of [...this.watching]) onEvent(event);
  }

  /** Events after a sequence. A sequence that was never given is of another start: then all. */
  list(after = 0): EventListing {
    const from = after > this.sequence ? 0 : after;
    return { startedAt: this.startedAt, latest: this.sequence, events: [...this.events.values()].filter(({ sequence }) => sequence > from) };
  }

  /** The latest, the newest last. */
  latest(count: number): readonly MeshEvent[] {
    return [...this.events.values()].slice(-count);
  }

  get watchers(): number {
    return this.watching.size;
  }

  /** Calls back with each event from now on; the result ends it. */
  watch(onEvent: (event: MeshEvent) => void): () => void {
    this.watching.add(onEvent);
    return () => this.watching.delete(onEvent);
  }

  /** How often each has happened since the start. */
  totals(): readonly EventCount[] {
    return [...this.counts.values()];
  }

  private countOne(type: EventType, reason: EventReason): void {
    const key = `${type} ${reason}`;
    const entry = this.counts.get(key) ?? { type, reason, count: 0 };
    entry.count += 1;
    this.counts.set(key, entry);
  }

  private dropOne(): void {
    const entries = [...this.events];
    const normal = entries.filter(([, { type }]) => type === 'Normal');
    const candidates = normal.length * 2 > entries.length ? normal : entries;
    const [oldest] = candidates[0] ?? [];
    if (oldest !== undefined) this.events.delete(oldest);
  }
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}
