import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPortPolicy } from '../../../src/cluster/policy.js';
import { SavedState } from '../../../src/cluster/saved-state.js';
import { emptyClusterState, type ClusterState } from '../../../src/cluster/state.js';

const state: ClusterState = {
  nodes: [{ id: 'alphaid', name: 'alpha', address: '192.168.56.11', ready: true }],
  services: [
    {
      id: 'webid',
      name: 'web',
      createdAt: '2026-11-23T04:11:36.65091842Z',
      ports: [{ protocol: 'tcp', published: 8080, target: 80, publishedBy: 'swarm', policy: { ...defaultPortPolicy, affinitySeconds: 600 } }],
    },
  ],
  tasks: [
    { id: 't1', name: 'web.1', serviceId: 'webid', nodeId: 'alphaid', identity: { address: '10.0.0.8', prefixLength: 24 }, weight: 0 },
    { id: 'web@10.0.0.9', name: 'web.2', serviceId: 'webid', nodeId: 'alphaid', identity: { address: '10.0.0.9', prefixLength: 24 }, weight: 1, namespace: 'web1' },
  ],
  conditions: [{ reason: 'BadPolicy', object: { kind: 'service', id: 'webid', name: 'web' }, message: 'label "x": …' }],
};

let folder: string;
let saved: SavedState;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'routemesh-state-')), 'lib');
  saved = new SavedState(folder, 0);
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

test('what was saved is there after a restart, for root’s eyes only', async () => {
  await saved.save(state);

  expect(await new SavedState(folder).load()).toEqual(state);
  expect((await stat(saved.path)).mode & 0o777).toBe(0o600);
});

test('a controller that is stopped right after a change has it on disk', async () => {
  const patient = new SavedState(folder, 60_000);
  const kept = patient.save(state);

  await patient.flush();

  await kept;
  expect(await patient.load()).toEqual(state);
});

test('a node that never saved anything starts without', async () => {
  expect(await saved.load()).toBeNull();
});

test('states that come in a burst leave the latest on disk, and nothing beside it', async () => {
  await Promise.all([saved.save(emptyClusterState), saved.save(emptyClusterState), saved.save(state)]);

  expect(await saved.load()).toEqual(state);
  expect(await readdir(folder)).toEqual(['cluster-state.json']);
});

test('what a crashed controller left behind does not stop the next one', async () => {
  await saved.save(emptyClusterState);
  await writeFile(`${saved.path}.${process.pid}.tmp`, 'half');

  await saved.save(state);

  expect(await saved.load()).toEqual(state);
});

describe('a file that can’t be trusted is refused with the reason, never half used', () => {
  const written = async (change: (text: string) => string) => {
    await saved.save(state);
    await writeFile(saved.path, change(await readFile(saved.path, 'utf8')));
    return saved.load();
  };

  test.each<[string, (text: string) => string, string]>([
    ['cut off', (text) => text.slice(0, 200), 'is not whole'],
    ['empty', () => '', 'is not whole'],
    ['of another version', (text) => text.replace('"version":1', '"version":2'), 'is of version 2; this routemesh reads version 1'],
    ['something else', () => '[1,2]', 'is not one of ours'],
    ['with a bad address', (text) => text.replace('10.0.0.8', '10.0.0.8 -j ACCEPT'), 'expected an IPv4 address at state.tasks.0.identity.address'],
    ['with a bad port', (text) => text.replace('8080', '70000'), 'state.services.0.ports.0.published'],
    ['with an unknown field', (text) => text.replace('"weight":0', '"weight":0,"shell":"sh"'), 'state.tasks.0'],
    ['with control characters', (text) => text.replace('"web.1"', '"web\\u001b[2J"'), 'state.tasks.0.name'],
  ])('%s', async (_, change, words) => {
    await expect(written(change)).rejects.toThrow(words);
  });
});

test('a large state comes back whole, though it is written in pieces', async () => {
  const [task] = state.tasks;
  if (task === undefined) throw new Error('the sample has a task');
  const tasks = Array.from({ length: 2_500 }, (_, index) => ({ ...task, id: `t${String(index).padStart(5, '0')}` }));
  await saved.save({ ...state, tasks });

  expect((await new SavedState(folder).load())?.tasks).toEqual(tasks);
});

test('a controller that stops leaves its latest state, though it would have waited', async () => {
  const saving = [saved.save(emptyClusterState), saved.save(state)];
  await saved.flush();
  await Promise.all(saving);

  expect(await saved.load()).toEqual(state);
});
