/** What of a snapshot is news to a page that has the one before. Pure. */
import type { Figures, FiguresChange, MeshSnapshot } from '../page/wire.js';

export type News =
  | { readonly kind: 'snapshot'; readonly data: MeshSnapshot }
  | { readonly kind: 'figures'; readonly data: FiguresChange };

/** Null: nothing that a page shows has changed. */
export function newsBetween(previous: MeshSnapshot, next: MeshSnapshot): News | null {
  if (shapeOf(previous) !== shapeOf(next)) return { kind: 'snapshot', data: next };
  const before = figuresOf(previous);
  const changed = [...figuresOf(next)].filter(([id, figures]) => !isSame(figures, before.get(id)));
  return changed.length === 0 ? null : { kind: 'figures', data: { at: next.at, figures: Object.fromEntries(changed) } };
}

/** Everything but time and figures. */
function shapeOf(snapshot: MeshSnapshot): string {
  return JSON.stringify({
    ...snapshot,
    at: 0,
    ports: snapshot.ports.map((port) => ({ ...port, figures: null, servers: port.servers.map((server) => ({ ...server, figures: null })) })),
  });
}

function figuresOf({ ports }: MeshSnapshot): Map<string, Figures> {
  const all = new Map<string, Figures>();
  for (const { id, figures, servers } of ports) {
    all.set(id, figures);
    for (const server of servers) all.set(server.id, server.figures);
  }
  return all;
}

function isSame(one: Figures, other: Figures | undefined): boolean {
  return other !== undefined && (Object.keys(one) as (keyof Figures)[]).every((name) => one[name] === other[name]);
}
