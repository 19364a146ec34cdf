import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityInFile, membershipInSwarm, rememberedMembership } from '../../../src/cli/node-identity.js';
import type { SwarmInfo } from '../../../src/cluster/docker/swarm-info.js';
import type { ClusterSource } from '../../../src/cluster/source.js';
import { emptyClusterState } from '../../../src/cluster/state.js';
import type { SwarmMembership } from '../../../src/cluster/swarm/membership.js';
import { MembershipFile } from '../../../src/cluster/swarm/membership-file.js';
import { silentLogger } from '../../../src/log.js';

const info: SwarmInfo = {
  role: 'worker',
  localState: 'active',
  nodeId: 'n2',
  address: '192.168.56.12',
  clusterId: null,
  hostName: 'h2',
  dockerRoot: '/var/lib/docker',
  dockerVersion: '20.10.24',
  managers: [{ nodeId: 'n1', address: '192.168.56.11:2377' }],
  error: '',
};
const worker: SwarmMembership = { nodeId: 'n2', name: 'h2', role: 'worker', address: '192.168.56.12', managers: [{ nodeId: 'n1', host: '192.168.56.11' }], dockerRoot: '/var/lib/docker' };

let folder: string;
let file: MembershipFile;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-identity-'));
  file = new MembershipFile(join(folder, 'lib'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('which node this is', () => {
  it('is what its Docker says, be it a manager or a worker', () => {
    expect(membershipInSwarm(info)).toEqual(worker);
    expect(membershipInSwarm({ ...info, role: 'manager' }).role).toBe('manager');
  });

  it.each([
    ['no Swarm', { role: 'none', nodeId: null, localState: 'inactive' }, 'docker swarm init'],
    ['a locked Swarm', { role: 'none', nodeId: null, localState: 'locked' }, 'docker swarm unlock'],
    ['a Docker that is not yet through with its start', { localState: 'pending' }, 'pending'],
  ] as const)('is refused with the remedy for %s', (_, different, remedy) => {
    expect(() => membershipInSwarm({ ...info, ...different })).toThrow(remedy);
  });

  it('is remembered with its managers, so that a worker whose Docker is down at boot still follows them', async () => {
    const ask = () => rememberedMembership(() => Promise.reject(new Error('ECONNREFUSED')), file, silentLogger);
    await expect(ask()).rejects.toThrow('ECONNREFUSED');
    await rememberedMembership(() => Promise.resolve(worker), file, silentLogger);
    expect(await ask()).toEqual(worker);
  });

  it('is remembered also while Docker is locked or only starting', async () => {
    await file.remember(worker);
    for (const localState of ['locked', 'pending', 'error']) {
      expect(await rememberedMembership(() => Promise.resolve().then(() => membershipInSwarm({ ...info, role: 'none', nodeId: null, localState })), file, silentLogger)).toEqual(worker);
    }
  });

  it('is not taken from memory when Docker answers that the node left the Swarm', async () => {
    await file.remember(worker);
    const left = () => Promise.resolve().then(() => membershipInSwarm({ ...info, role: 'none', nodeId: null, localState: 'inactive' }));
    await expect(rememberedMembership(left, file, silentLogger)).rejects.toThrow('in no Swarm');
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, 40)],
    ['of an older routemesh', () => '{"id":"n1","name":"h1"}'],
    ['with an id that is a path', (text: string) => text.replace('"n2"', '"../n2"')],
    ['with a host that is none', (text: string) => text.replace('192.168.56.11', '192.168.56.11 -j ACCEPT')],
  ])('is not taken from a file that is %s', async (_, change) => {
    await file.remember(worker);
    await writeFile(file.path, change(await readFile(file.path, 'utf8')));
    expect(await file.recall()).toBeNull();
  });

  it('is found by name or id in a cluster file, and by name alone while the file is half written', async () => {
    const nodes = [{ id: 'a-1', name: 'alpha', address: '10.0.0.1', ready: true }];
    const source = (read: ClusterSource['read']): ClusterSource => ({ description: 'file', read, follow: () => Promise.resolve() });
    const whole = source(() => Promise.resolve({ ...emptyClusterState, nodes }));
    const { signal } = new AbortController();
    expect(await identityInFile({ node: 'alpha' }, whole, signal)).toEqual({ id: 'a-1', name: 'alpha' });
    expect(await identityInFile({ node: 'a-1' }, whole, signal)).toEqual({ id: 'a-1', name: 'alpha' });
    expect(await identityInFile({ node: 'alpha' }, source(() => Promise.reject(new Error('half'))), signal)).toEqual({ id: 'alpha', name: 'alpha' });
  });
});
