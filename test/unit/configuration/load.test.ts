import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from '../../../src/configuration/error.js';
import { loadSettings, type ConfigurationInputs } from '../../../src/configuration/load.js';
import { configurationKeys, flagOf, optionDescriptions, variableOf } from '../../../src/configuration/options.js';
import { defaultSettings } from '../../../src/settings.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-configuration-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function load(inputs: { file?: string; flags?: ConfigurationInputs['flags']; environment?: NodeJS.ProcessEnv }) {
  const path = join(folder, 'config.yaml');
  await writeFile(path, inputs.file ?? '');
  return loadSettings({ flags: inputs.flags ?? {}, environment: inputs.environment ?? {}, configurationPath: path });
}

async function problemsOf(inputs: Parameters<typeof load>[0]): Promise<readonly string[]> {
  const error: unknown = await load(inputs).then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
  return (error as ConfigurationError).problems.map((problem) => problem.replaceAll(folder, ''));
}

describe('the layers of the configuration', () => {
  it('gives the documented defaults to somebody who sets nothing', async () => {
    expect(await load({})).toEqual(defaultSettings);
  });

  it('lets a flag win over the environment, and that over the file, so that a trial needs no edit', async () => {
    const file = 'gatewaySubnet: 10.1.0.0/24\nresync: 1m\nchain: FROM-FILE\n';
    const environment = { ROUTEMESH_GATEWAY_SUBNET: '10.2.0.0/24', ROUTEMESH_RESYNC: '2m' };
    const settings = await load({ file, environment, flags: { gatewaySubnet: '10.3.0.0/24' } });
    expect(settings).toMatchObject({ gatewaySubnet: '10.3.0.0/24', resyncMilliseconds: 120_000, names: { chain: 'FROM-FILE' } });
  });

  it('treats an empty variable as not set, as unit files write it', async () => {
    expect((await load({ environment: { ROUTEMESH_CHAIN: '' } })).names.chain).toBe('MESH-INGRESS');
  });

  it('takes a number of ports from which on sets are asked, or never', async () => {
    expect((await load({ file: 'setsFrom: 1' })).setsFrom).toBe(1);
    expect((await load({ flags: { setsFrom: '500' }, environment: { ROUTEMESH_SETS_FROM: '7' } })).setsFrom).toBe(500);
    expect((await load({ environment: { ROUTEMESH_SETS_FROM: 'never' } })).setsFrom).toBeNull();
    for (const wrong of ['0', '-1', '1.5', '200001', 'always', '64; reboot']) expect(await problemsOf({ flags: { setsFrom: wrong } })).toEqual([expect.stringContaining('to be a number of ports from 1 to 200000, or never')]);
  });

  it('takes lists as YAML lists and as comma-separated words', async () => {
    expect((await load({ file: 'reservedPorts: [tcp/22, udp/53]' })).reservedPorts).toEqual(['tcp/22', 'udp/53']);
    expect((await load({ environment: { ROUTEMESH_RESERVED_PORTS: 'tcp/22, udp/53' } })).reservedPorts).toEqual(['tcp/22', 'udp/53']);
  });

  it('lets a node serve the relay elsewhere, and by certificates of its own, as an autolocked manager must', async () => {
    const file = 'relayPort: 4799\nrelayCertificate: /etc/routemesh/node.crt\nrelayKey: /etc/routemesh/node.key\nrelayAuthority: /etc/routemesh/ca.crt\n';
    expect((await load({ file, environment: { ROUTEMESH_RELAY_ADDRESS: '192.168.57.11' } })).relay).toEqual({
      port: 4799,
      address: '192.168.57.11',
      certificates: { certificate: '/etc/routemesh/node.crt', key: '/etc/routemesh/node.key', authority: '/etc/routemesh/ca.crt' },
    });
    expect((await load({ flags: { relayPort: '4800' } })).relay.port).toBe(4800);
  });

  it.each([
    ['127.0.0.1:9798', '127.0.0.1', 9798],
    ['9798', '127.0.0.1', 9798],
    [':9798', '127.0.0.1', 9798],
    ['0.0.0.0:9100', '0.0.0.0', 9100],
  ])('tells the metrics over TCP on %s, and on loopback unless another address is named', async (metrics, address, port) => {
    const settings = await load({ flags: { metrics } });
    expect(settings.metrics).toEqual({ address, port });
    expect(settings.reservedPorts).toEqual([...defaultSettings.reservedPorts, `tcp/${port}`]);
    expect((await load({ file: `metrics: ${/^\d+$/.test(metrics) ? metrics : `"${metrics}"`}` })).metrics).toEqual({ address, port });
  });

  it('serves the page where it is told to, and lets nobody publish its port', async () => {
    const settings = await load({ flags: { ui: '127.0.0.1:8090' } });
    expect(settings.ui).toEqual({ address: '127.0.0.1', port: 8090 });
    expect(settings.reservedPorts).toEqual([...defaultSettings.reservedPorts, 'tcp/8090']);
    expect((await load({ file: 'ui: localhost:80' })).ui).toEqual({ address: '127.0.0.1', port: 80 });
    expect((await load({ environment: { ROUTEMESH_UI: '192.168.56.11:8090' } })).ui?.address).toBe('192.168.56.11');
  });

  it('reads the cluster from a file as soon as one is named', async () => {
    expect((await load({ flags: { clusterFile: '/etc/mesh.yaml' } })).source).toEqual({ kind: 'file', path: '/etc/mesh.yaml' });
  });

  it('describes each key, with a flag and a variable that can be typed', () => {
    expect(Object.keys(optionDescriptions)).toEqual(configurationKeys);
    expect(flagOf('gatewaySubnet')).toBe('--gateway-subnet');
    expect(variableOf('gatewaySubnet')).toBe('ROUTEMESH_GATEWAY_SUBNET');
  });
});

describe('what is wrong with a configuration', () => {
  it('is named with its place, what was expected and what was there', async () => {
    expect(await problemsOf({ file: '# mesh\nresync: 10s\ngatewaySubnet: 172.30.0.0\n' })).toEqual([
      '/config.yaml:3:1: Expected `gatewaySubnet` to be an IPv4 subnet such as 172.30.0.0/24, got "172.30.0.0".',
    ]);
    expect(await problemsOf({ flags: { resync: '10' } })).toEqual([
      'Expected `--resync` to be a duration with its unit, from 1s to 1h, such as 2500ms, 10s or 5m, got "10".',
    ]);
  });

  it('is told all at once, so that nobody fixes a file in ten rounds', async () => {
    expect(await problemsOf({ file: 'chain: a b\nresync: 0s\n', environment: { ROUTEMESH_LOG_LEVEL: 'loud' } })).toHaveLength(3);
  });

  it.each([
    ['gateway_subnet: 10.0.0.0/24', 'Did you mean "gatewaySubnet"?'],
    ['resnyc: 10s', 'Did you mean "resync"?'],
    ['colour: blue', 'Known are source,'],
  ])('is found in an unknown key, with what was probably meant: %s', async (file, expected) => {
    expect((await problemsOf({ file }))[0]).toContain(expected);
  });

  it('is found in a variable with a slip, but other programs may have ROUTEMESH_ variables of their own', async () => {
    expect(await problemsOf({ environment: { ROUTEMESH_LOGLEVEL: 'debug' } })).toEqual(['Unknown environment variable ROUTEMESH_LOGLEVEL. Did you mean "ROUTEMESH_LOG_LEVEL"?']);
    await expect(load({ environment: { ROUTEMESH_SERVICE_HOST_PORT_8080: '1' } })).resolves.toBeDefined();
  });

  it.each([
    ['a list', '- a\n- b\n'],
    ['half a line', 'gatewaySubnet: [172.30\n'],
    ['a key twice', 'chain: A\nchain: B\n'],
    ['an alias', 'chain: &a A\nfabric: *a\n'],
    ['binary', '\u0000\u0001'],
  ])('is a sentence with a place, not a stack, when the file holds %s', async (_, file) => {
    expect((await problemsOf({ file }))[0]).toMatch(/^\/config\.yaml/);
  });

  it('is that a file named by hand is missing, which would silently mean the defaults', async () => {
    await expect(loadSettings({ flags: {}, environment: {}, configurationPath: join(folder, 'none.yaml') })).rejects.toThrow(/There is no configuration file .*--config/);
  });

  it.each(['source: file', 'source: docker\nclusterFile: /x', 'sandbox: same\nfabric: same', 'relayKey: /x'])('is a contradiction between settings: %j', async (file) => {
    expect(await problemsOf({ file })).toHaveLength(1);
  });
});

describe('values that reach the kernel', () => {
  it.each([
    'sandbox: ../etc', 'sandbox: sixteen_letters_', 'gatewayBridge: "a b"', 'gatewayBridge: -x', 'fabric: "a\\nb"', 'fabric: ""', 'sandbox: 7', 'gatewayBridge: all', 'gatewayBridge: lo',
    'chain: "X -j ACCEPT"', 'chain: "A\\nCOMMIT"', 'chain: ACCEPT', 'chain: FORWARD', 'chain: DOCKER-USER', 'chain: mesh', `chain: ${'A'.repeat(29)}`,
    'gatewaySubnet: 172.030.0.0/24', 'gatewaySubnet: 172.30.0.1/24', 'gatewaySubnet: 172.30.0.0/31', 'gatewaySubnet: 0.0.0.0/0', 'gatewaySubnet: 127.0.0.0/8',
    'gatewaySubnet: 224.0.0.0/24', 'gatewaySubnet: 100.100.0.0/16', 'gatewaySubnet: "fd00::/64"', 'gatewaySubnet: 172.30.0.0/24 -j DROP',
    'reservedPorts: [tcp/0]', 'reservedPorts: [tcp/65536]', 'reservedPorts: [icmp/1]', 'reservedPorts: [22]', 'reservedPorts: tcp/22 udp/53',
    'relayPort: 0', 'relayPort: 65536', 'relayPort: 4798/tcp', 'relayAddress: h1', 'relayAddress: 0.0.0.0', 'relayKey: node.key',
    'metrics: "127.0.0.1"', 'metrics: "localhost:9798"', 'metrics: "127.0.0.1:0"', 'metrics: 65536', 'metrics: "[::1]:9798"', 'metrics: "1.2.3:9798"', 'metrics: true',
    'ui: 0.0.0.0:8090', 'ui: 8090', 'ui: 127.0.0.1', 'ui: "127.0.0.1:0"', 'ui: 127.0.0.1:65536', 'ui: 127.1:80', 'ui: h1:8090', 'ui: "*:8090"', 'ui: 224.0.0.1:80',
    'resync: 999ms', 'resync: 2h', 'resync: -1s', 'controlSocket: run/x.sock', `controlSocket: /${'a'.repeat(107)}`, 'stateFolder: "/a\\0b"',
  ])('are refused before they get there: %j', async (file) => {
    expect(await problemsOf({ file })).toHaveLength(1);
  });
});
