/** Paths by which the network namespaces of this machine can be opened, one for each namespace. */
import { readdirSync, statSync } from 'node:fs';

/** Of all that this process can see. */
export function networkNamespacePaths(): string[] {
  return oneForEach([
    ...listed('/run/netns').map((name) => `/run/netns/${name}`),
    ...listed('/run/docker/netns').map((name) => `/run/docker/netns/${name}`),
    ...processNamespacePaths(),
  ]);
}

/** Of those but our own and the known ones that a process lives in. Docker's own files under /run outlive their tasks. */
export function livingNamespacePaths(known: readonly string[] = []): string[] {
  const left = new Set(['/proc/self/ns/net', ...known]);
  return oneForEach([...left, ...processNamespacePaths()]).filter((path) => !left.has(path));
}

/** The oldest process first: it is likely to live longest. */
function processNamespacePaths(): string[] {
  const processes = listed('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((one, other) => one - other);
  return processes.map((pid) => `/proc/${pid}/ns/net`);
}

/** The first path of each namespace. What has just gone is left out. */
function oneForEach(paths: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const path of paths) {
    const identity = identityOf(path);
    if (identity !== undefined && !found.has(identity)) found.set(identity, path);
  }
  return [...found.values()];
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
