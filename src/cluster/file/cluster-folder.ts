/**
 * A folder of YAML files that are one cluster together: nodes here, services there, as people like. Only a file that
 * changed is read again.
 *
 * INVARIANTS
 * - Files count in the order of their names, on every node alike: of two that contradict each other the later is wrong.
 * - A file that is wrong changes nothing of what it said before; a condition says where it is wrong.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '../condition.js';
import { shareState } from '../share.js';
import { byCodeUnit, byId } from '../sorting.js';
import { emptyClusterState, type ClusterNode, type ClusterState } from '../state.js';
import { readContents, type FileContents } from './cluster-file.js';
import { FolderMerge } from './folder-merge.js';
import type { ServicePart } from './part-reader.js';
import { ClusterFileUnreadableError, longestFile, stampOf, youngMilliseconds, type FileStamp } from './read-file.js';

interface FolderFile {
  readonly stamp: FileStamp;
  /** By performance.now(): when it is read once more, since a second write may have left the same stamp; null: it is settled. */
  readonly readAgainAt: number | null;
  /** As it said when it was last right. */
  readonly nodes: readonly ClusterNode[];
  readonly parts: readonly ServicePart[];
  /** What is wrong with it now. */
  readonly problem: string | null;
}

/** What a file holds now; null: it is gone. */
type Reading = (Pick<FolderFile, 'stamp' | 'readAgainAt'> & { readonly contents: FileContents | Error }) | null;

const unread: FolderFile = { stamp: { text: '', isYoung: false }, readAgainAt: null, nodes: [], parts: [], problem: null };
/** Looking at the status of all files takes at most so much of the time: changes are heard of, but for those of network file systems. */
const share = 1 / 500;

export class ClusterFolder {
  private readonly files = new Map<string, FolderFile>();
  /** Names of those whose status can't tell yet whether they changed, of those that name nodes, and of those that are wrong. */
  private readonly young = new Set<string>();
  private readonly naming = new Set<string>();
  private readonly wrong = new Set<string>();
  private readonly merge = new FolderMerge();
  private nodes: ReadonlyMap<string, ClusterNode> = new Map();
  private last: ClusterState = emptyClusterState;
  private nextScanAt = -Infinity;

  constructor(private readonly path: string) {}

  /** `changed`: names that may have changed; null: any may. @throws {ClusterFileUnreadableError} where there is no cluster in it */
  read(changed: ReadonlySet<string> | null): ClusterState {
    const readings = new Map<string, Reading>();
    for (const name of [...this.namesToLookAt(changed)]) {
      const reading = this.readFile(name, this.files.get(name), changed?.has(name) === true);
      if (reading !== 'as before') readings.set(name, reading);
    }
    if (readings.size > 0) this.take(readings);
    if (this.nodes.size === 0) throw new ClusterFileUnreadableError(`The cluster folder ${this.path} can't be read: ${this.whyEmpty()}`);
    return this.last;
  }

  private namesToLookAt(changed: ReadonlySet<string> | null): Iterable<string> {
    const began = performance.now();
    const due = [...this.young].filter((name) => (this.files.get(name)?.readAgainAt ?? 0) <= began);
    if (changed !== null) return new Set([...[...changed].filter(isClusterFile), ...due]);
    if (began < this.nextScanAt) return due;
    const names = new Set([...readdirSync(this.path).filter(isClusterFile), ...this.files.keys()]);
    for (const name of names) if (this.files.get(name)?.stamp.text === stampAt(join(this.path, name))?.text) names.delete(name);
    this.nextScanAt = performance.now() + (performance.now() - began) / share;
    return new Set([...names, ...due]);
  }

  /** `isTold`: it was written to, for all that is known. */
  private readFile(name: string, known: FolderFile | undefined, isTold: boolean): Reading | 'as before' {
    const path = join(this.path, name);
    const stamp = stampAt(path);
    if (stamp === null) return null;
    const isDue = known !== undefined && known.readAgainAt !== null && (isTold || known.readAgainAt <= performance.now());
    if (known?.stamp.text === stamp.text && !isDue) return 'as before';
    const readAgainAt = stamp.isYoung ? performance.now() + youngMilliseconds : null;
    try {
      const status = statSync(path);
      if (!status.isFile() || status.size > longestFile) throw new Error(`it is no regular file of at most ${longestFile} bytes`);
      return { stamp, readAgainAt, contents: readContents(readFileSync(path, 'utf8'), path) };
    } catch (error) {
      return { stamp, readAgainAt, contents: error as Error };
    }
  }

  private take(readings: Map<string, Reading>): void {
    const nodes = this.nodesWith(readings);
    if (!isDeepStrictEqual(nodes, this.nodes)) {
      this.nodes = nodes;
      // Endpoints name nodes: what was right may be wrong now, and the other way round.
      for (const name of this.files.keys()) {
        const reading = readings.has(name) ? 'as before' : this.readFile(name, undefined, true);
        if (reading !== 'as before') readings.set(name, reading);
      }
    }
    const changed = new Map<string, readonly ServicePart[] | null>();
    for (const [name, reading] of readings) {
      const before = this.files.get(name) ?? unread;
      const file = reading === null ? null : this.fileOf(reading, before);
      this.keep(name, file);
      if (file?.parts !== before.parts) changed.set(name, file?.parts ?? null);
    }
    const merged = this.merge.replace(changed);
    const state = { ...merged, nodes: [...this.nodes.values()].sort(byId), conditions: [...merged.conditions, ...this.conditions()] };
    this.last = shareState(this.last, state);
  }

  private keep(name: string, file: FolderFile | null): void {
    if (file === null) this.files.delete(name);
    else this.files.set(name, file);
    const sort = (names: Set<string>, isIn: boolean): void => {
      if (isIn) names.add(name);
      else names.delete(name);
    };
    sort(this.young, file !== null && file.readAgainAt !== null);
    sort(this.naming, file !== null && file.nodes.length > 0);
    sort(this.wrong, typeof file?.problem === 'string');
  }

  private fileOf({ contents, ...times }: NonNullable<Reading>, before: FolderFile): FolderFile {
    try {
      if (contents instanceof Error) throw contents;
      return { ...times, nodes: [...contents.nodes.values()], parts: contents.parts(this.nodes), problem: null };
    } catch (error) {
      return { ...before, ...times, problem: (error as Error).message };
    }
  }

  /** All files' nodes; an earlier file's word counts where two differ. */
  private nodesWith(readings: ReadonlyMap<string, Reading>): ReadonlyMap<string, ClusterNode> {
    const names = [...new Set([...this.naming, ...readings.keys()])].sort(byCodeUnit);
    const nodes = new Map<string, ClusterNode>();
    for (const name of names) {
      const reading = readings.get(name);
      const contents = reading?.contents;
      const own = reading === null ? [] : contents === undefined || contents instanceof Error ? (this.files.get(name)?.nodes ?? []) : contents.nodes.values();
      for (const node of own) if (!nodes.has(node.id)) nodes.set(node.id, node);
    }
    return nodes;
  }

  private conditions(): Condition[] {
    const problems = [...this.wrong].map((name) => ({ name, problem: `${this.files.get(name)?.problem ?? ''}; what the file said before is served` }));
    const refusals = [...this.merge.refused].map(([name, problem]) => ({ name, problem: `${join(this.path, name)}: ${problem}` }));
    return [...problems, ...refusals]
      .sort((one, other) => byCodeUnit(one.name, other.name))
      .map(({ name, problem }) => ({ reason: 'SourceUnavailable', object: { kind: 'source', id: join(this.path, name), name }, message: problem }));
  }

  private whyEmpty(): string {
    const [wrong = ''] = this.wrong;
    return this.files.get(wrong)?.problem ?? (this.files.size === 0 ? 'it holds no .yaml file; write some as docs/file-source.md shows' : 'none of its files names a node; write nodes: { NAME: ADDRESS } in one of them');
  }
}

/** Null: there is no such file. */
function stampAt(path: string): FileStamp | null {
  try {
    return stampOf(statSync(path, { bigint: true }));
  } catch {
    return null;
  }
}

/** Names that editors and package managers leave behind begin with a dot, or end otherwise. */
function isClusterFile(name: string): boolean {
  return /^[^.].*\.ya?ml$/.test(name);
}
