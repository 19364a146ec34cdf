import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileLocalTasks } from '../../../../src/cluster/file/local-tasks.js';
import { fileSource } from '../../../../src/cluster/file/file-source.js';
import { ClusterFiles } from '../../../../src/cluster/file/cluster-files.js';
import { Recorder } from '../recorder.js';

const text = (port: number) => `
nodes: { alpha: 192.168.56.11, beta: 192.168.56.12 }
services:
  web:
    publish: ${port}:80
    endpoints:
      - { node: alpha, address: 10.9.0.2/24, namespace: web1 }
      - { node: beta, address: 10.9.0.3/24, namespace: web2 }
`;

let folder: string;
let path: string;
let recorder: Recorder;
const running: Promise<void>[] = [];
let stop = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-file-'));
  path = join(folder, 'cluster.yaml');
  recorder = new Recorder();
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running.splice(0));
  await rm(folder, { recursive: true });
});

function follow(pollMilliseconds = 60_000) {
  running.push(fileSource({ file: new ClusterFiles(path), pollMilliseconds, settleMilliseconds: 5 }).follow(recorder, stop.signal));
}

/** Without the moment in which a file that is written in place is empty. */
async function replace(words: string) {
  await writeFile(`${path}.new`, words);
  await rename(`${path}.new`, path);
}

test('a change is served as soon as it is saved, however the editor saves', async () => {
  await writeFile(path, text(8080));
  follow();
  await recorder.until('8080');

  await writeFile(path, text(8081));
  await recorder.until('8081');

  await replace(text(8082));
  await recorder.until('8082');
});

test('a half-written file changes nothing, is told once with its line, and is forgiven when it is whole', async () => {
  await writeFile(path, text(8080));
  follow(20);
  await recorder.until('8080');

  await replace(text(8080).slice(0, 90));
  await recorder.until('unavailable');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await replace(text(8080));
  await recorder.until('8080', 2);

  expect(recorder.log.filter((entry) => entry.startsWith('unavailable'))).toEqual([expect.stringMatching(/cluster\.yaml:\d+:\d+/)]);
});

test('a missing file, or folder, is told once and found when it comes', async () => {
  path = join(folder, 'later', 'cluster.yaml');
  follow(20);
  await recorder.until('unavailable');
  expect(recorder.log[0]).toContain('there is no such file; write one as docs/file-source.md shows');

  await mkdir(join(folder, 'later'));
  await writeFile(path, text(8080));
  await recorder.until('8080');

  expect(recorder.log).toHaveLength(2);
});

test('a file behind a symbolic link is followed, as mounted configurations are', async () => {
  await writeFile(join(folder, 'one'), text(8080));
  await writeFile(join(folder, 'two'), text(8081));
  await symlink('one', path);
  follow(20);
  await recorder.until('8080');

  await symlink('two', `${path}.new`);
  await rename(`${path}.new`, path);
  await recorder.until('8081');
});

test('saving the same again gives no state: traffic must not notice', async () => {
  await writeFile(path, text(8080));
  follow(20);
  await recorder.until('8080');

  await writeFile(path, `${text(8080)}# a comment\n`);
  await new Promise((resolve) => setTimeout(resolve, 150));

  expect(recorder.log).toHaveLength(1);
});

test('a folder that holds no cluster file is told', async () => {
  await mkdir(path);
  await expect(fileSource({ file: new ClusterFiles(path) }).read(AbortSignal.timeout(5000))).rejects.toThrow("can't be read");
});

test('local tasks are those of this node whose namespace exists, and one that goes leaves at once', async () => {
  await writeFile(path, text(8080));
  const namespacesFolder = join(folder, 'netns');
  await mkdir(namespacesFolder);
  await writeFile(join(namespacesFolder, 'web2'), '');
  const localTasks = fileLocalTasks({ file: new ClusterFiles(path), node: 'alpha', namespacesFolder, pollMilliseconds: 60_000, settleMilliseconds: 5 });
  running.push(localTasks.follow(recorder, stop.signal));
  await recorder.until('local:');
  expect(recorder.log).toEqual(['local: ']);

  await writeFile(join(namespacesFolder, 'web1'), '');
  await recorder.until('web@10.9.0.2');
  await rm(join(namespacesFolder, 'web1'));
  await recorder.until('local: ', 3);

  expect(recorder.log).toEqual(['local: ', `local: web@10.9.0.2=${join(namespacesFolder, 'web1')}`, 'local: ']);
});

const nodesFile = 'nodes: { alpha: 192.168.56.11, beta: 192.168.56.12 }\n';
const serviceFile = (name: string, port: number, address = '10.9.0.2') => `services:\n  ${name}:\n    publish: ${port}:80\n    endpoints:\n      - { node: alpha, address: ${address}/24, namespace: web1 }\n`;

test('a folder of files is one cluster, and each file is served as it is saved', async () => {
  path = join(folder, 'cluster.d');
  await mkdir(path);
  await writeFile(join(path, 'nodes.yaml'), nodesFile);
  await writeFile(join(path, 'web.yaml'), serviceFile('web', 8080));
  await writeFile(join(path, '.web.yaml.swp'), 'not a file of ours');
  follow();
  await recorder.until('8080');

  await writeFile(join(path, 'dns.yaml'), serviceFile('dns', 53, '10.9.0.3'));
  await recorder.until('53 8080');
  await rm(join(path, 'web.yaml'));
  await recorder.until('state: 53 dns');
  expect((await new ClusterFiles(path).read()).services.map(({ id }) => id)).toEqual(['dns']);
});

test('a bad file of a folder is told, the last good version of it is served, and the others are as ever', async () => {
  path = join(folder, 'cluster.d');
  await mkdir(path);
  const files = new ClusterFiles(path);
  await writeFile(join(path, 'nodes.yaml'), nodesFile);
  await writeFile(join(path, 'web.yaml'), serviceFile('web', 8080));
  await files.read();

  await writeFile(join(path, 'web.yaml'), serviceFile('web', 8081).replace('node: alpha', 'node: nobody'));
  await writeFile(join(path, 'dns.yaml'), serviceFile('dns', 53, '10.9.0.3'));
  const state = await files.read(new Set(['web.yaml', 'dns.yaml']));

  expect(state.services.map(({ id, ports }) => [id, ports[0]?.published])).toEqual([['dns', 53], ['web', 8080]]);
  expect(state.conditions.map(({ object, message }) => `${object.name}: ${message}`)).toEqual([expect.stringMatching(/^web\.yaml: .*web\.yaml:5:17: expected one of the nodes .*; what the file said before is served$/)]);

  await writeFile(join(path, 'web.yaml'), serviceFile('web', 8081));
  expect((await files.read(new Set(['web.yaml']))).conditions).toEqual([]);
});

test.each([['service', serviceFile('web', 9090, '10.9.0.9')], ['address', serviceFile('other', 9090)]])('of two files that claim one %s the later by name is left out, on every node alike', async (_, rival) => {
  path = join(folder, 'cluster.d');
  await mkdir(path);
  await writeFile(join(path, 'a.yaml'), nodesFile);
  await writeFile(join(path, 'z.yaml'), rival);
  const files = new ClusterFiles(path);
  expect((await files.read()).services.map(({ ports }) => ports[0]?.published)).toEqual([9090]);

  await writeFile(join(path, 'b.yaml'), serviceFile('web', 8080));
  const state = await files.read(new Set(['b.yaml']));
  expect(state.services.map(({ ports }) => ports[0]?.published)).toEqual([8080]);
  expect(state.conditions.map(({ message }) => message)).toEqual([expect.stringMatching(/z\.yaml: (service web|address 10\.9\.0\.2) is in b\.yaml already/)]);
  expect(state).toEqual(await new ClusterFiles(path).read());

  await rm(join(path, 'b.yaml'));
  expect((await files.read(new Set(['b.yaml']))).services.map(({ ports }) => ports[0]?.published)).toEqual([9090]);
});

test('a node that leaves a folder takes what was right with it, and is told', async () => {
  path = join(folder, 'cluster.d');
  await mkdir(path);
  await writeFile(join(path, 'nodes.yaml'), nodesFile);
  await writeFile(join(path, 'web.yaml'), serviceFile('web', 8080));
  const files = new ClusterFiles(path);
  await files.read();

  await writeFile(join(path, 'nodes.yaml'), 'nodes: { beta: 192.168.56.12 }\n');
  expect((await files.read(new Set(['nodes.yaml']))).conditions).toHaveLength(1);
});
