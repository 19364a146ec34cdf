import { open, stat } from 'node:fs/promises';
import { constants, type BigIntStats } from 'node:fs';
import type { ClusterState } from '../state.js';
import { ClusterFileParser } from './cluster-file.js';

export class ClusterFileUnreadableError extends Error {
  override readonly name = 'ClusterFileUnreadableError';
}

/** A cluster of ten thousand endpoints is one megabyte. */
export const longestFile = 32 * 1024 * 1024;
/** Two writes within a tick of the kernel's clock leave one time: a file that was just written is read again. */
export const youngMilliseconds = 1_000;

/** The cluster file, read when it changed: whoever asks costs a stat(2) otherwise. */
export class ClusterFile {
  private readonly parser: ClusterFileParser;
  private known: { readonly stamp: FileStamp | null; readonly outcome: { readonly state: ClusterState } | { readonly error: Error } } | null = null;
  private reading: Promise<unknown> = Promise.resolve();

  constructor(readonly path: string) {
    this.parser = new ClusterFileParser(path);
  }

  /** The same object for as long as the file says the same. Rejects with ClusterFileUnreadableError or ClusterFileError. */
  read(): Promise<ClusterState> {
    // One after the other: who asks after a change must not be given what was read before it.
    const next = this.reading.then(() => this.readNow());
    this.reading = next.catch(() => undefined);
    return next;
  }

  private async readNow(): Promise<ClusterState> {
    const stamp = await stat(this.path, { bigint: true }).then(stampOf, () => null);
    if (stamp === null || this.known?.stamp?.text !== stamp.text || this.known.stamp.isYoung) {
      this.known = { stamp, outcome: await this.parse() };
    }
    const { outcome } = this.known;
    if ('error' in outcome) throw outcome.error;
    return outcome.state;
  }

  private async parse(): Promise<{ readonly state: ClusterState } | { readonly error: Error }> {
    try {
      return { state: this.parser.parse(await readClusterText(this.path)) };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)) };
    }
  }
}

/** What a file's status says of its contents. */
export interface FileStamp {
  /** Changes with the file. */
  readonly text: string;
  /** It was written to just now: another write may leave the same stamp. */
  readonly isYoung: boolean;
}

export function stampOf({ dev, ino, size, mtimeNs, ctimeNs, mtimeMs }: BigIntStats): FileStamp {
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(' '), isYoung: Date.now() - Number(mtimeMs) < youngMilliseconds };
}

/** Rejects with ClusterFileUnreadableError that says what to do. */
async function readClusterText(path: string): Promise<string> {
  try {
    // A FIFO would be waited for without O_NONBLOCK.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new Error('it is no regular file');
      if (status.size > longestFile) throw new Error(`it has ${status.size} bytes, expected at most ${longestFile}`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file; write one as docs/file-source.md shows, or name another with --config' : message;
    throw new ClusterFileUnreadableError(`The cluster file ${path} can't be read: ${reason}`, { cause: error });
  }
}
