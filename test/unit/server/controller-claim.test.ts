import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AlreadyRunningError, claimNode, runningController } from '../../../src/server/controller-claim.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-claim-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A claim of the process that runs the tests' runner: alive, and not this one. */
async function claimByParent(different: Record<string, unknown> = {}): Promise<void> {
  const stat = await readFile(`/proc/${process.ppid}/stat`, 'utf8');
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const claim = { pid: process.ppid, startTime, networkNamespace: await readlink('/proc/self/ns/net'), ...different };
  await writeFile(join(folder, `controller-${process.ppid}.claim`), JSON.stringify(claim));
}

describe('claiming the node', () => {
  it('refuses a second controller, which would undo what the first does', async () => {
    await claimByParent();
    await expect(claimNode(folder)).rejects.toThrow(AlreadyRunningError);
    await expect(claimNode(folder)).rejects.toThrow(`pid ${process.ppid}`);
    expect(await readdir(folder)).toHaveLength(1);
  });

  it('takes over after a kill -9, even when the pid was given to another program', async () => {
    await claimByParent({ startTime: '1' });
    await writeFile(join(folder, 'controller-4194305.claim'), JSON.stringify({ pid: 4194305, startTime: '1', networkNamespace: 'net:[1]' }));
    const withdraw = await claimNode(folder);
    expect(await readdir(folder)).toEqual([`controller-${process.pid}.claim`]);
    await withdraw();
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets several nodes that are network namespaces share one file system', async () => {
    await claimByParent({ networkNamespace: 'net:[1]' });
    await expect(claimNode(folder)).resolves.toBeInstanceOf(Function);
  });

  it('is not kept from starting by rubbish in the folder', async () => {
    await writeFile(join(folder, 'controller-1.claim'), 'half a cl');
    await writeFile(join(folder, 'notes'), '');
    await expect(claimNode(folder)).resolves.toBeInstanceOf(Function);
  });

  it('knows of no controller where there was never one', async () => {
    expect(await runningController(join(folder, 'none'))).toBeNull();
  });
});
