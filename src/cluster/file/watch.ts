/**
 * Tells when something in a few folders may have changed.
 *
 * Folders are watched, not files: editors rename a new file over the old one, and a watch stays with the old one.
 * inotify misses what happens behind a symbolic link or on a network file system, so there is a slow poll as well.
 */
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Alarm } from '../alarm.js';

export interface WatchOptions {
  readonly folders: readonly string[];
  readonly pollMilliseconds: number;
  /** An editor's save is several events; it is looked at once they are over. */
  readonly settleMilliseconds: number;
}

/** `changed`: names of what changed in any of the folders; null: it can't be told. Looks at once, and again after each change; one look at a time. Resolves when the signal aborts. */
export async function lookOnChange(options: WatchOptions, look: (reason: string, changed: ReadonlySet<string> | null) => Promise<void>, signal: AbortSignal): Promise<void> {
  const alarm = new Alarm();
  let changed = new Set<string>();
  let isNamed = false;
  let hasChanged: boolean;
  const watches = options.folders.map((folder) => new FolderWatch(folder, (name) => {
    hasChanged = true;
    if (name === null) isNamed = false;
    else changed.add(name);
    alarm.ring();
  }));
  try {
    let reason = 'start';
    while (!signal.aborted) {
      const renewed = await Promise.all(watches.map((folder) => folder.renew()));
      const names = reason === 'file changed' && isNamed && !renewed.includes(true) ? changed : null;
      [changed, isNamed, hasChanged] = [new Set(), true, false];
      await look(reason, names);
      await alarm.wait(options.pollMilliseconds, signal);
      reason = hasChanged ? 'file changed' : 'poll';
      if (hasChanged && !signal.aborted) await sleep(options.settleMilliseconds, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    for (const folder of watches) folder.close();
  }
}

/** A folder may come later, go, or be replaced by another of its name. */
class FolderWatch {
  private watcher: FSWatcher | null = null;
  private inode: bigint | null = null;

  constructor(private readonly folder: string, private readonly onChange: (name: string | null) => void) {}

  /** True: what happened before may not have been heard. */
  async renew(): Promise<boolean> {
    const inode = await stat(this.folder, { bigint: true }).then(({ ino, dev }) => (dev << 64n) | ino, () => null);
    if (inode === this.inode && (this.watcher !== null || inode === null)) return false;
    this.close();
    this.inode = inode;
    if (inode === null) return true;
    try {
      this.watcher = watch(this.folder, { persistent: false }, (_event, name) => { this.onChange(name); });
      this.watcher.on('error', () => this.close());
    } catch {
      // No inotify watch to be had (gone again, or fs.inotify.max_user_watches): the poll remains.
      this.watcher = null;
    }
    return true;
  }

  close(): void {
    this.watcher?.close();
    this.watcher = null;
  }
}
