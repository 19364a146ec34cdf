/** What the host's kernel settings were before we first changed them, kept in a file so that `cleanup` can restore them. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class PreviousSysctls {
  private readonly file: string;

  constructor(private readonly folder: string) {
    this.file = join(folder, 'previous-sysctls.json');
  }

  /** Only the first value counts: later ones are ours or somebody's meddling. */
  remember(path: string, value: string): void {
    const known = this.read();
    if (known.has(path)) return;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const draft = `${this.file}.new`;
    writeFileSync(draft, `${JSON.stringify(Object.fromEntries([...known, [path, value]]), null, 2)}\n`);
    renameSync(draft, this.file);
  }

  /** By path under /proc/sys. A file that is missing or broken holds nothing. */
  read(): Map<string, string> {
    try {
      const content: unknown = JSON.parse(readFileSync(this.file, 'utf8'));
      if (typeof content !== 'object' || content === null) return new Map();
      return new Map(Object.entries(content).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
    } catch {
      return new Map();
    }
  }

  /** True when there was such a file. */
  forget(): boolean {
    const had = this.read().size > 0;
    rmSync(this.file, { force: true });
    return had;
  }
}
