/**
 * The cluster as a YAML file tells it, for hosts with no Docker at all.
 *
 * A file that is half written or wrong changes nothing: the last good state stays, and the error says line and column.
 */
import { dirname } from 'node:path';
import type { ClusterSource } from '../source.js';
import { Teller } from '../teller.js';
import type { ClusterFiles } from './cluster-files.js';
import { lookOnChange } from './watch.js';

export interface FileSourceOptions {
  readonly file: ClusterFiles;
  readonly pollMilliseconds?: number;
  readonly settleMilliseconds?: number;
}

export function fileSource({ file, pollMilliseconds = 5_000, settleMilliseconds = 50 }: FileSourceOptions): ClusterSource {
  return {
    description: `file ${file.path}`,
    read: async (signal) => {
      signal.throwIfAborted();
      return file.read();
    },
    follow: (listener, signal) => {
      const teller = new Teller(listener);
      const look = async (reason: string, changed: ReadonlySet<string> | null): Promise<void> => {
        try {
          teller.tell(await file.read(changed), reason);
        } catch (error) {
          teller.fail(error instanceof Error ? error : new Error(String(error)));
        }
      };
      return lookOnChange({ folders: [dirname(file.path), file.path], pollMilliseconds, settleMilliseconds }, look, signal);
    },
  };
}
