import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityInFile, identityInSwarm, rememberedIdentity, type SwarmMembership } from '../../../src/cli/node-identity.js';
import type { ClusterSource } from '../../../src/cluster/source.js';
import { emptyClusterState } from '../../../src/cluster/state.js';
import { silentLogger } from '../../../src/log.js';

const manager: SwarmMembership = { role: 'manager', localState: 'active', nodeId: 'n1', hostName: 'h1', error: '' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-identity-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('which node this is', () => {
  it('is what a manager’s Docker says', () => {
    expect(identityInSwarm(manager)).toEqual({ id: 'n1', name: 'h1' });
  });

  it.each([
    ['a worker', { role: 'worker' }, 'docker node promote'],
    ['no Swarm', { role: 'none', nodeId: null, localState: 'inactive' }, 'docker swarm init'],
    ['a locked Swarm', { role: 'none', nodeId: null, localState: 'locked' }, 'docker swarm unlock'],
  ] as const)('is refused with the remedy for %s', (_, different, remedy) => {
    expect(() => identityInSwarm({ ...manager, ...different })).toThrow(remedy);
  });

  it('is remembered, so that a node whose Docker is down at boot still serves its last good state', async () => {
    const outage = new Error('ECONNREFUSED');
    const ask = () => rememberedIdentity(() => Promise.reject(outage), folder, (error) => error === outage, silentLogger);
    await expect(ask()).rejects.toBe(outage);
    await rememberedIdentity(() => Promise.resolve({ id: 'n1', name: 'h1' }), folder, () => false, silentLogger);
    expect(await ask()).toEqual({ id: 'n1', name: 'h1' });
  });

  it('is not taken from memory when Docker answers that the node left the Swarm', async () => {
    await rememberedIdentity(() => Promise.resolve({ id: 'n1', name: 'h1' }), folder, () => false, silentLogger);
    await expect(rememberedIdentity(() => Promise.reject(new Error('no Swarm')), folder, () => false, silentLogger)).rejects.toThrow('no Swarm');
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
