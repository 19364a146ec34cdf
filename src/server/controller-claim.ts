/**
 * One controller per node: two would undo each other's changes.
 *
 * A controller claims the node with a file of its own, and then looks whether another living process has claimed it.
 * INVARIANTS
 * - Claim first, look afterwards: of two that start at once at least one sees the other, so never both go on.
 * - A claim is alive only while its process is: same pid and same start time, so a `kill -9` or a reused pid blocks nobody.
 * - A node is a network namespace, so that several can share one file system.
 */
import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const claimFolder = '/run/routemesh';

export interface Claim {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), /proc/pid/stat, field 22). */
  readonly startTime: string;
  /** `net:[4026531840]` */
  readonly networkNamespace: string;
}

/** Somebody else programs this node already. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
  constructor(readonly pid: number) {
    super(`Another controller (pid ${pid}) already runs on this node. See it with \`routemesh status\`; stop it before you start a second one.`);
  }
}

/** Rejects with AlreadyRunningError. The result withdraws the claim. */
export async function claimNode(folder = claimFolder): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = await ownClaim();
  const path = join(folder, fileOf(own));
  // Renamed into place: nobody ever reads half a claim.
  await writeFile(`${path}.new`, JSON.stringify(own), { mode: 0o600 });
  await rename(`${path}.new`, path);
  const withdraw = (): Promise<void> => rm(path, { force: true });
  const other = await runningController(folder);
  if (other !== null) {
    await withdraw();
    throw new AlreadyRunningError(other.pid);
  }
  return withdraw;
}

/** The controller of this node other than this process, null when none runs. Removes claims of the dead. */
export async function runningController(folder = claimFolder): Promise<Claim | null> {
  const { networkNamespace } = await ownClaim();
  for (const name of await claimFiles(folder)) {
    const path = join(folder, name);
    const claim = await readClaim(path);
    if (claim === null || claim.pid === process.pid) continue;
    if ((await startTimeOf(claim.pid)) !== claim.startTime) await rm(path, { force: true });
    else if (claim.networkNamespace === networkNamespace) return claim;
  }
  return null;
}

async function ownClaim(): Promise<Claim> {
  const startTime = await startTimeOf(process.pid);
  if (startTime === null) throw new Error('Can\'t read /proc/self/stat: is /proc mounted?');
  return { pid: process.pid, startTime, networkNamespace: await readlink('/proc/self/ns/net') };
}

function fileOf(claim: Claim): string {
  return `controller-${claim.pid}.claim`;
}

async function claimFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => /^controller-\d+\.claim$/.test(name));
}

async function readClaim(path: string): Promise<Claim | null> {
  try {
    const claim = JSON.parse(await readFile(path, 'utf8')) as Partial<Claim>;
    const { pid, startTime, networkNamespace } = claim;
    return pid === undefined || startTime === undefined || networkNamespace === undefined ? null : { pid, startTime, networkNamespace };
  } catch {
    return null;
  }
}

/** Null when there is no such process. The name in field 2 may hold spaces and brackets: fields are counted after its last one. */
async function startTimeOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
