import { open } from 'node:fs/promises';
import { constants } from 'node:fs';
import type { ClusterState } from '../state.js';
import { parseClusterFile } from './cluster-file.js';

export class ClusterFileUnreadableError extends Error {
  override readonly name = 'ClusterFileUnreadableError';
}

/** A cluster of thousands of endpoints is below one megabyte. */
const longestFile = 8 * 1024 * 1024;

/** Rejects with ClusterFileUnreadableError that says what to do. */
export async function readClusterText(path: string): Promise<string> {
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

export async function readClusterFile(path: string): Promise<ClusterState> {
  return parseClusterFile(await readClusterText(path), path);
}
