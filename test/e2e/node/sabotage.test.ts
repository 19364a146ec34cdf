import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, shell } from '../support/lab.js';
import { expectNothingToDo, nodeAddress, removeMesh, served, startMesh, status } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, taskPid } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

const foreign = {
  chain: 'iptables -N SOMEBODY; iptables -A SOMEBODY -s 203.0.113.9/32 -j DROP; iptables -I INPUT -j SOMEBODY; iptables -t nat -A POSTROUTING -s 203.0.113.9/32 -j ACCEPT',
  objects: 'ip link add somebody type bridge; ip addr add 172.31.99.1/24 dev somebody; ip link set somebody up; ip netns add somebody; ip route add 203.0.113.128/25 dev somebody table 77; ip rule add pref 77 from 203.0.113.9 lookup 77',
  look: "iptables-save | grep -e SOMEBODY -e 203.0.113.9 | sed 's/\\[[0-9:]*\\]//'; ip -4 -o addr show somebody; ip netns list | grep ^somebody; ip route show table 77; ip rule | grep ^77:",
  gone: 'iptables -D INPUT -j SOMEBODY; iptables -F SOMEBODY; iptables -X SOMEBODY; iptables -t nat -D POSTROUTING -s 203.0.113.9/32 -j ACCEPT; ip rule del pref 77; ip link del somebody; ip netns del somebody',
};

let pid: string;
let foreignBefore: string;

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80'], 2);
  pid = await taskPid('web');
  await shell('h1', `${foreign.chain}; ${foreign.objects}`);
  foreignBefore = await shell('h1', foreign.look);
  // IPVS tells nobody of its changes: they are seen at the next full look.
  await startMesh('h1', '--resync', '3s');
  await served({ 'tcp/8080': 2 });
}, servicesWithin);

afterAll(async () => {
  await removeMesh();
  expect(await shell('h1', foreign.look)).toBe(foreignBefore);
  await shell('h1', foreign.gone);
  await removeServices('web');
}, 120_000);

const inSandbox = 'ip netns exec mesh_sbox';
const inFabric = 'ip netns exec mesh_fabric';
const firstCable = `${inFabric} ip -o link | grep -o 'task-[a-z0-9]*' | head -1`;

/** What is done, and the kind of object under which its repair is counted. */
const sabotages: readonly (readonly [name: string, command: () => string, kind: string])[] = [
  ['every real server and virtual service cleared', () => `${inSandbox} ipvsadm -C`, 'ipvs'],
  ['a weight changed by hand', () => `${inSandbox} ipvsadm -e -f 401296 -r $(${inSandbox} ipvsadm -Sn | grep -o '10[.0-9]*:80' | head -1) -m -w 7`, 'ipvs'],
  ['a foreign real server added', () => `${inSandbox} ipvsadm -a -f 401296 -r 10.99.99.99:80 -m`, 'ipvs'],
  ['a foreign virtual service added', () => `${inSandbox} ipvsadm -A -t 172.30.0.2:99 -s rr`, 'ipvs'],
  ['the host’s nat chain flushed', () => 'iptables -t nat -F MESH-INGRESS', 'iptables'],
  ['the host’s jumps deleted', () => 'iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j MESH-INGRESS; iptables -D FORWARD -j MESH-INGRESS', 'iptables'],
  ['dockerd’s jump put first again', () => 'iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS; iptables -t nat -I PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS', 'iptables'],
  ['the sandbox’s marks flushed', () => `${inSandbox} iptables -t mangle -F`, 'iptables'],
  ['the fabric’s filter flushed and opened', () => `${inFabric} iptables -F; ${inFabric} iptables -P FORWARD ACCEPT`, 'iptables'],
  ['the sandbox’s default route deleted', () => `${inSandbox} ip route del default`, 'route'],
  ['a task’s route deleted in the fabric', () => `${inFabric} ip route del $(${inFabric} ip route | grep -o '^10[.0-9]*' | head -1)`, 'route'],
  ['a foreign route added in the fabric', () => `${inFabric} ip route add 198.51.100.0/24 dev sbox0`, 'route'],
  ['a task’s routing rule deleted', () => `nsenter -n -t ${pid} ip rule del pref 100`, 'rule'],
  ['a task’s own route table flushed', () => `nsenter -n -t ${pid} ip route flush table 100`, 'route'],
  ['a task’s cable deleted', () => `${inFabric} ip link del $(${firstCable})`, 'link'],
  ['a cable taken down', () => `${inFabric} ip link set sbox0 down`, 'link'],
  ['the cable to the host deleted', () => 'ip link del mesh_gw0', 'link'],
  ['the gateway bridge deleted', () => 'ip link del mesh_gwbridge', 'link'],
  ['the sandbox’s address deleted', () => `${inSandbox} ip addr flush dev eth0`, 'address'],
  ['a neighbour deleted', () => `${inSandbox} ip neigh flush nud permanent`, 'neighbour'],
  ['a setting flipped', () => `${inSandbox} sysctl -qw net.ipv4.vs.conntrack=0 net.ipv4.ip_forward=0`, 'sysctl'],
  ['loopback no longer routed', () => 'sysctl -qw net.ipv4.conf.mesh_gwbridge.route_localnet=0', 'sysctl'],
  ['the sandbox deleted', () => 'ip netns del mesh_sbox', 'namespace'],
  ['the fabric deleted', () => 'ip netns del mesh_fabric', 'namespace'],
];

describe('sabotage', () => {
  let repairsBefore: Readonly<Record<string, number>>;
  beforeEach(async () => {
    repairsBefore = (await status()).repairs;
  });

  it.each(sabotages)('%s: the mesh answers again by itself, and counts the repair', async (_name, command, kind) => {
    await shell('h1', command());
    await eventually(async () => {
      const { repairs, programmed, conditions } = await status();
      expect({ programmed, conditions }).toEqual({ programmed: true, conditions: [] });
      expect(repairs[kind] ?? 0).toBeGreaterThan(repairsBefore[kind] ?? 0);
    });
    expect(servers(await ask('client', `http://${nodeAddress}:8080`, 4))).toHaveLength(2);
    expect(await shell('h1', foreign.look)).toBe(foreignBefore);
  }, 90_000);

  it('is all repaired in the end: nothing is left to do', () => expectNothingToDo(), 30_000);
});
