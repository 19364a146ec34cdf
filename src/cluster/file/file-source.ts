/**
 * The cluster as a YAML file tells it, for hosts with no Docker at all.
 *
 * A file that is half written or wrong changes nothing: the last good state stays, and the error says line and column.
 */
import { dirname } from 'node:path';
import type { ClusterListener, ClusterSource } from '../source.js';
import type { ClusterState } from '../state.js';
import { Teller } from '../teller.js';
import { parseClusterFile } from './cluster-file.js';
import { readClusterFile, readClusterText } from './read-file.js';
import { lookOnChange } from './watch.js';

export interface FileSourceOptions {
  /** Absolute. */
  readonly path: string;
  readonly pollMilliseconds?: number;
  readonly settleMilliseconds?: number;
}

export function fileSource({ path, pollMilliseconds = 5_000, settleMilliseconds = 50 }: FileSourceOptions): ClusterSource {
  return {
    description: `file ${path}`,
    read: async (signal) => {
      signal.throwIfAborted();
      return readClusterFile(path);
    },
    follow: (listener, signal) => {
      const follower = new FileFollower(path, listener);
      return lookOnChange({ folders: [dirname(path)], pollMilliseconds, settleMilliseconds }, (reason) => follower.look(reason), signal);
    },
  };
}

class FileFollower {
  private text: string | null = null;
  private readonly teller: Teller;

  constructor(private readonly path: string, listener: ClusterListener) {
    this.teller = new Teller(listener);
  }

  async look(reason: string): Promise<void> {
    let state: ClusterState;
    try {
      const text = await readClusterText(this.path);
      // The same words again: nothing new, be they good or bad.
      if (text === this.text) return;
      state = parseClusterFile(text, this.path);
      this.text = text;
    } catch (error) {
      // What was good before must be taken again when it comes back.
      this.text = null;
      this.teller.fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.teller.tell(state, reason);
  }
}
