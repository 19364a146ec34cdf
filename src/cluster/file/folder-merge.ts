/** What the files of a folder say together. Of two files that claim the same service or address the later by name is left out. */
import { byCodeUnit } from '../sorting.js';
import type { ClusterState } from '../state.js';
import type { ServicePart } from './part-reader.js';
import { StateParts } from './state-parts.js';

type Merged = Omit<ClusterState, 'nodes'>;

export class FolderMerge {
  /** By file name. */
  private readonly files = new Map<string, readonly ServicePart[]>();
  /** Which file says what: services by `service web`, endpoints by `address 10.9.0.2`. */
  private owners = new Map<string, string>();
  private parts = new StateParts();
  private readonly refusals = new Map<string, string>();

  /** Why files are left out, by name. */
  get refused(): ReadonlyMap<string, string> {
    return this.refusals;
  }

  /** `changed`: what files say now, by name; null: they are gone. */
  replace(changed: ReadonlyMap<string, readonly ServicePart[] | null>): Merged {
    const isPlain = this.refusals.size === 0 && !this.conflicts(changed);
    const before = new Map([...changed.keys()].map((name) => [name, this.files.get(name) ?? []]));
    for (const [name, parts] of changed) {
      if (parts === null) this.files.delete(name);
      else this.files.set(name, parts);
    }
    return isPlain ? this.patch(before, changed) : this.mergeAll();
  }

  /** Does any of them claim what another file, changed or not, claims too? */
  private conflicts(changed: ReadonlyMap<string, readonly ServicePart[] | null>): boolean {
    const seen = new Set<string>();
    for (const [name, parts] of changed) {
      if (this.conflictOf(name, parts ?? []) !== null) return true;
      for (const claim of claimsOf(parts ?? [])) {
        if (seen.has(claim)) return true;
        seen.add(claim);
      }
    }
    return false;
  }

  private patch(before: ReadonlyMap<string, readonly ServicePart[]>, changed: ReadonlyMap<string, readonly ServicePart[] | null>): Merged {
    for (const parts of before.values()) for (const claim of claimsOf(parts)) this.owners.delete(claim);
    for (const [name, parts] of changed) for (const claim of claimsOf(parts ?? [])) this.owners.set(claim, name);
    const now = [...changed.values()].flatMap((parts) => parts ?? []);
    const ids = new Set(now.map(({ id }) => id));
    return this.parts.replace([...before.values()].flat().map(({ id }) => id).filter((id) => !ids.has(id)), now);
  }

  private mergeAll(): Merged {
    this.owners = new Map();
    this.parts = new StateParts();
    this.refusals.clear();
    const taken: ServicePart[] = [];
    for (const [name, parts] of [...this.files].sort(([one], [other]) => byCodeUnit(one, other))) {
      const conflict = this.conflictOf(name, parts);
      if (conflict !== null) this.refusals.set(name, conflict);
      else {
        for (const claim of claimsOf(parts)) this.owners.set(claim, name);
        taken.push(...parts);
      }
    }
    return this.parts.replace([], taken);
  }

  private conflictOf(name: string, parts: readonly ServicePart[]): string | null {
    const claim = claimsOf(parts).find((one) => (this.owners.get(one) ?? name) !== name);
    return claim === undefined ? null : `${claim} is in ${this.owners.get(claim) ?? ''} already; nothing of this file is served`;
  }
}

function claimsOf(parts: readonly ServicePart[]): string[] {
  return parts.flatMap(({ id, addresses }) => [`service ${id}`, ...addresses.map(({ address }) => `address ${address}`)]);
}
