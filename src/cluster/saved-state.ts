/**
 * The last good cluster state, kept on disk: a controller that starts while nobody answers still programs its node.
 *
 * The file is written whole beside the old one and renamed over it, so that a crash leaves one or the other; what is
 * read back is checked as strictly as any stranger's words.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { readBounded } from './read-bounded.js';
import { findInconsistency, stateSchema } from './state-schema.js';
import type { ClusterState } from './state.js';
import { writeAtomically } from './write-atomically.js';

/** Raised with every change of ClusterState that an older or newer controller would read wrongly. */
const version = 1;
const fileName = 'cluster-state.json';
/** A cluster of thousands of tasks is some megabytes. */
const longestFile = 256 * 1024 * 1024;

const savedSchema = z.strictObject({ version: z.literal(version), savedAt: z.iso.datetime(), state: stateSchema });

/** A state of 50,000 tasks takes tenths of a second to be written down: a cluster that changes all the time is not kept all the time. */
const pausePerMillisecond = 20;
const longestPause = 60_000;
/** A change mostly has others in its wake, and the processor has better to do while it is served. */
const settleMilliseconds = 1_000;
const itemsPerPiece = 1_000;

export class SavedStateError extends Error {
  override readonly name = 'SavedStateError';
}

export class SavedState {
  readonly path: string;
  private writing: Promise<void> | null = null;
  private next: ClusterState | null = null;
  /** By performance.now(): no write before. */
  private restUntil = 0;
  private readonly flushing = new AbortController();

  /** `settle`: milliseconds from a change to its being written, in which others may join it. */
  constructor(folder: string, private readonly settle = settleMilliseconds) {
    this.path = join(folder, fileName);
  }

  /** Null: nothing was saved yet. Rejects with SavedStateError when there is a file that can't be used. */
  async load(): Promise<ClusterState | null> {
    let text: string;
    try {
      text = await readBounded(this.path, longestFile);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new SavedStateError(`The saved state ${this.path} can't be read: ${(error as Error).message}`, { cause: error });
    }
    return parseSavedState(text, this.path);
  }

  /** Resolves when this state, or a later one, is on disk. States that come while one is written are merged: the latest wins. */
  async save(state: ClusterState): Promise<void> {
    this.next = state;
    this.writing ??= this.writeAll().finally(() => (this.writing = null));
    await this.writing;
  }

  /** Writes what waits, without a pause from now on. */
  async flush(): Promise<void> {
    this.flushing.abort();
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    this.restUntil = Math.max(this.restUntil, performance.now() + this.settle);
    while (this.next !== null) {
      const pause = this.restUntil - performance.now();
      if (pause > 0) await sleep(pause, undefined, { signal: this.flushing.signal, ref: false }).catch(() => undefined);
      const text = textOf(this.next);
      this.next = null;
      const began = performance.now();
      await writeAtomically(this.path, text);
      const ended = performance.now();
      this.restUntil = ended + Math.min(longestPause, (ended - began) * pausePerMillisecond);
    }
  }
}

/** The state as JSON, in pieces, since whole it would take as much memory as all the rest of the controller. */
function* textOf(state: ClusterState): Generator<string> {
  yield `{"version":${version},"savedAt":${JSON.stringify(new Date().toISOString())},"state":{`;
  for (const [index, [list, items]] of Object.entries(state).entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(list)}:[`;
    yield* pieces(items as readonly unknown[]);
    yield ']';
  }
  yield '}}\n';
}

function* pieces(items: readonly unknown[]): Generator<string> {
  for (let start = 0; start < items.length; start += itemsPerPiece) {
    const piece = JSON.stringify(items.slice(start, start + itemsPerPiece)).slice(1, -1);
    yield start === 0 ? piece : `,${piece}`;
  }
}

export function parseSavedState(text: string, path: string): ClusterState {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new SavedStateError(`The saved state ${path} is not whole: ${(error as Error).message}`, { cause: error });
  }
  const found = z.object({ version: z.number() }).safeParse(json);
  if (found.success && found.data.version !== version) {
    throw new SavedStateError(`The saved state ${path} is of version ${found.data.version}; this routemesh reads version ${version}`);
  }
  const result = savedSchema.safeParse(json);
  if (result.success) {
    const odd = findInconsistency(result.data.state);
    if (odd === null) return result.data.state;
    throw new SavedStateError(`The saved state ${path} is not one of ours: ${odd}`);
  }
  const [issue] = result.error.issues;
  throw new SavedStateError(`The saved state ${path} is not one of ours: ${issue?.message ?? 'odd'} at ${issue?.path.join('.') ?? '?'}`);
}
