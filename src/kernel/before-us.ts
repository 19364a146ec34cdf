/** What the host was before we first changed it, kept in a file so that `cleanup` can leave it so. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Memory {
  /** By path under /proc/sys. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** iptables tables that nobody had used yet: with the nft back end they did not exist. */
  readonly absentTables: readonly string[];
}

export class BeforeUs {
  private readonly file: string;

  constructor(private readonly folder: string) {
    this.file = join(folder, 'before-routemesh.json');
  }

  /** Only the first value counts: later ones are ours or somebody's meddling. */
  rememberSysctl(path: string, value: string): void {
    const { sysctls, absentTables } = this.read();
    if (sysctls[path] === undefined) this.write({ sysctls: { ...sysctls, [path]: value }, absentTables });
  }

  rememberAbsentTables(tables: readonly string[]): void {
    const { sysctls, absentTables } = this.read();
    const unknown = tables.filter((table) => !absentTables.includes(table));
    if (unknown.length > 0) this.write({ sysctls, absentTables: [...absentTables, ...unknown] });
  }

  /** A file that is missing or broken remembers nothing. */
  read(): Memory {
    try {
      const content = JSON.parse(readFileSync(this.file, 'utf8')) as Partial<Record<keyof Memory, unknown>>;
      const sysctls = Object.entries(content.sysctls ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
      const tables = Array.isArray(content.absentTables) ? content.absentTables.filter((table) => typeof table === 'string') : [];
      return { sysctls: Object.fromEntries(sysctls), absentTables: tables };
    } catch {
      return { sysctls: {}, absentTables: [] };
    }
  }

  forget(): void {
    rmSync(this.file, { force: true });
  }

  private write(memory: Memory): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const draft = `${this.file}.new`;
    writeFileSync(draft, `${JSON.stringify(memory, null, 2)}\n`);
    renameSync(draft, this.file);
  }
}
