/** The cluster file, or a folder of them: whichever stands at the path. */
import { stat } from 'node:fs/promises';
import type { ClusterState } from '../state.js';
import { ClusterFolder } from './cluster-folder.js';
import { ClusterFile } from './read-file.js';

export class ClusterFiles {
  private readonly file: ClusterFile;
  private readonly folder: ClusterFolder;

  /** Absolute. */
  constructor(readonly path: string) {
    this.file = new ClusterFile(path);
    this.folder = new ClusterFolder(path);
  }

  /**
   * The same object for as long as the same is said. `changed`: names in the folder of which is known that they may have
   * changed; left out: any may.
   */
  async read(changed: ReadonlySet<string> | null = null): Promise<ClusterState> {
    const isFolder = await stat(this.path).then((status) => status.isDirectory(), () => false);
    return isFolder ? this.folder.read(changed) : await this.file.read();
  }
}
