import { readFileSync } from 'node:fs';

/** The version of package.json, which is one folder up from this source, two from what the benchmark is built of (dist/src) and three from the command (dist/src/cli). */
export function readVersion(): string {
  for (const path of ['../package.json', '../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (name === 'routemesh' && version !== undefined) return version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}
