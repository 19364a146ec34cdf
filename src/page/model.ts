/** Snapshots and what changes in them. Pure. */
import type { Figures, FiguresChange, MeshSnapshot } from './wire.js';

export const noFigures: Figures = { connections: 0, connectionsPerSecond: 0, active: 0, inactive: 0, incomingBytesPerSecond: 0, outgoingBytesPerSecond: 0 };

export function withFigures(snapshot: MeshSnapshot, { at, figures }: FiguresChange): MeshSnapshot {
  return {
    ...snapshot,
    at,
    ports: snapshot.ports.map((port) => ({
      ...port,
      figures: figures[port.id] ?? port.figures,
      servers: port.servers.map((server) => ({ ...server, figures: figures[server.id] ?? server.figures })),
    })),
  };
}

export function sum(all: readonly Figures[]): Figures {
  return all.reduce(
    (total, figures) => ({
      connections: total.connections + figures.connections,
      connectionsPerSecond: total.connectionsPerSecond + figures.connectionsPerSecond,
      active: total.active + figures.active,
      inactive: total.inactive + figures.inactive,
      incomingBytesPerSecond: total.incomingBytesPerSecond + figures.incomingBytesPerSecond,
      outgoingBytesPerSecond: total.outgoingBytesPerSecond + figures.outgoingBytesPerSecond,
    }),
    noFigures,
  );
}

export function totals({ ports }: MeshSnapshot): Figures {
  return sum(ports.map(({ figures }) => figures));
}

/** New connections of each real server since the snapshot before, by its id; counters that began anew count from nothing. */
export function newConnections(previous: MeshSnapshot | null, next: MeshSnapshot): ReadonlyMap<string, number> {
  if (previous === null) return new Map();
  const before = new Map(previous.ports.flatMap(({ servers }) => servers.map(({ id, figures }) => [id, figures.connections])));
  const fresh = new Map<string, number>();
  for (const { id, figures } of next.ports.flatMap(({ servers }) => servers)) {
    const difference = figures.connections - (before.get(id) ?? figures.connections);
    if (difference > 0) fresh.set(id, difference);
  }
  return fresh;
}

/** A rate that the kernel's estimator rounds to nothing is still something while connections come. */
export function shownRate(figures: Figures, isBusy: boolean): number {
  return figures.connectionsPerSecond === 0 && isBusy ? 0.5 : figures.connectionsPerSecond;
}

/** The last minute of a rate, a value each second, the newest last. */
export class RateHistory {
  private readonly samples = new Map<string, number[]>();

  constructor(private readonly length = 60) {}

  /** One second has passed. */
  add(rates: ReadonlyMap<string, number>): void {
    for (const [id, rate] of rates) {
      const all = this.samples.get(id) ?? [];
      all.push(rate);
      if (all.length > this.length) all.shift();
      this.samples.set(id, all);
    }
    for (const id of this.samples.keys()) if (!rates.has(id)) this.samples.delete(id);
  }

  of(id: string): readonly number[] {
    return this.samples.get(id) ?? [];
  }
}
