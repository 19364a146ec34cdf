import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addressOf, everywhere, nodes, removeEverywhere, removeMeshes, routerOf, setUpWithin, startWebEverywhere, urlOf } from '../support/cluster.js';
import { attempt, eventually, lab, on, shell } from '../support/lab.js';
import { losses, nothingLost, underLoad } from '../support/load.js';
import { clientAddress, expectNothingToDo, status } from '../support/mesh.js';
import { taskPid } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

let web: string[];

beforeAll(async () => {
  web = await startWebEverywhere();
}, setUpWithin);

afterAll(async () => {
  await removeEverywhere('web');
  await removeMeshes();
}, 300_000);

const inFabric = 'ip netns exec mesh_fabric';
const peer = addressOf('h1');

/** What is done on h2, and the kind of object under which its repair is counted there. */
const sabotages: readonly (readonly [name: string, command: string, kind: string])[] = [
  ['the VXLAN device deleted', `${inFabric} ip link del vxlan0`, 'link'],
  ['the VXLAN device made by somebody else', `${inFabric} ip link del vxlan0; ${inFabric} ip link add vxlan0 type vxlan id 77 dstport 4799 nolearning local 127.0.0.1; ${inFabric} ip link set vxlan0 up`, 'link'],
  ['a forwarding entry deleted', `${inFabric} bridge fdb del $(${inFabric} bridge fdb show dev vxlan0 | awk '/dst ${peer}/ { print $1; exit }') dev vxlan0 dst ${peer} self`, 'fdb'],
  ['peers’ neighbours flushed', `${inFabric} ip neigh flush dev vxlan0 nud permanent`, 'neighbour'],
  ['routes to other nodes’ tasks deleted', `${inFabric} ip route flush dev vxlan0`, 'route'],
  ['the ways back to peers deleted', `for n in $(${inFabric} ip rule | awk '/fwmark/ { print $1 }' | tr -d :); do ${inFabric} ip rule del pref $n; done`, 'rule'],
  ['connection tracking’s zones flushed', `${inFabric} iptables -t raw -F`, 'iptables'],
  ['the marks of peers flushed', `${inFabric} iptables -t mangle -F`, 'iptables'],
  ['the host opened to VXLAN of strangers', `iptables -D INPUT -p udp -m udp --dport 4798 -j MESH-INGRESS-PEERS`, 'iptables'],
];

describe('sabotage of one node’s fabric', () => {
  it.each(sabotages)('%s: repaired and counted there', async (_name, command, kind) => {
    const before = (await status('h2')).repairs[kind] ?? 0;
    await shell('h2', command);
    await eventually(async () => {
      const { repairs, programmed } = await status('h2');
      expect(programmed).toBe(true);
      expect(repairs[kind] ?? 0).toBeGreaterThan(before);
    });
    await eventually(async () => expect(servers(await ask('client', urlOf('h2', 8080), 6))).toEqual(web));
  }, 90_000);

  it('goes unnoticed by who asks other nodes and is answered by their tasks', async () => {
    const report = await underLoad('unnoticed', { urls: [urlOf('h1', 8080), urlOf('h3', 8080)], parallel: 2, pause: 100, streams: 1, timeout: 10_000 }, async () => {
      await shell('h2', 'ip netns exec mesh_sbox ipvsadm -C; iptables -t nat -F MESH-INGRESS');
      await eventually(async () => expect(servers(await ask('client', urlOf('h2', 8080), 6))).toEqual(web));
    });
    expect({ ...losses(report), failures: report.failures }).toEqual({ ...nothingLost, failures: [] });
  }, 120_000);

  it('is all repaired in the end: nothing is left to do on any node', () => everywhere((node) => eventually(() => expectNothingToDo(node))), 120_000);
});

describe('a stranger on the underlay', () => {
  /** A machine of the lab that is no node: it speaks VXLAN with h1's fabric as a node would, under an address of its own. */
  beforeAll(async () => {
    await lab(['vm', '/run/lab/bin/machine', 'stranger', '192.168.56.60']);
    const mac = (await shell('h1', `${inFabric} cat /sys/class/net/vxlan0/address`)).trim();
    await shell('stranger', `ip link add vxlan0 type vxlan id 4097 dstport 4798 local 192.168.56.60 nolearning; ip link set vxlan0 up; ip addr add 10.250.0.1/24 dev vxlan0; bridge fdb add ${mac} dev vxlan0 dst ${addressOf('h1')} self permanent; ip route add 10.0.0.0/16 dev vxlan0`);
  }, 120_000);

  const identityOn = async (node: string): Promise<string> => {
    const { ports } = await status(node);
    const own = ports.flatMap(({ backends }) => backends).map(({ address }) => address);
    const local = (await shell(node, `${inFabric} ip route | awk '/dev task-/ { print $1 }'`)).trim().split('\n');
    const address = own.find((each) => local.includes(each));
    if (address === undefined) throw new Error(`${node} has no task of its own`);
    return address;
  };

  it('who sends VXLAN reaches no task: the host takes it from peers only, and counts it', async () => {
    const identity = await identityOn('h1');
    const dropsOf = async () => Number((await shell('h1', "iptables -nvxL MESH-INGRESS-PEERS | awk '$3 == \"DROP\" { print $1 }'")).trim());
    const before = await dropsOf();
    const mac = (await shell('h1', `${inFabric} cat /sys/class/net/vxlan0/address`)).trim();
    await shell('stranger', `ip neigh replace ${identity} lladdr ${mac} dev vxlan0 nud permanent`);
    const { code } = await attempt(['exec', 'stranger', 'curl', '-sS', '--max-time', '3', `http://${identity}/who`]);
    expect(code).not.toBe(0);
    expect(await dropsOf()).toBeGreaterThan(before);
  }, 60_000);

  it('who forges a peer’s hardware address reaches no task either', async () => {
    const identity = await identityOn('h1');
    const peerMac = (await shell('h2', `${inFabric} cat /sys/class/net/vxlan0/address`)).trim();
    await shell('stranger', `ip link set vxlan0 address ${peerMac}`);
    const { code } = await attempt(['exec', 'stranger', 'curl', '-sS', '--max-time', '3', `http://${identity}/who`]);
    expect(code).not.toBe(0);
  }, 60_000);
});

describe('a peer', () => {
  it('reaches the published port of another node’s task, and no other port of it', async () => {
    const remote = (await shell('h2', `${inFabric} ip route | awk '/via ${routerOf('h1')} / && $1 ~ /^10\\./ { print $1 }' | head -1`)).trim();
    const from = (port: number) => attempt(['exec', 'h2', 'ip', 'netns', 'exec', 'mesh_sbox', 'curl', '-sS', '--max-time', '3', `http://${remote}:${port}/who`]);
    const pid = await taskPid('web');
    await shell('h1', `nsenter -n -t ${pid} setsid busybox nc -lk -p 81 >/dev/null 2>&1 </dev/null &`).catch(() => undefined);
    expect((await from(80)).code).toBe(0);
    expect((await from(81)).code).not.toBe(0);
  }, 60_000);

  it('is not reached by a task that sends over the fabric of itself', async () => {
    const pid = await taskPid('web', 'h3');
    const targets = [addressOf('h1'), routerOf('h1'), clientAddress];
    for (const target of targets) {
      const { code } = await attempt(['exec', 'h3', 'nsenter', '-n', '-t', pid, 'curl', '-sS', '--max-time', '2', '--interface', 'mesh0', `http://${target}:8080/who`]);
      expect({ target, reached: code === 0 }).toEqual({ target, reached: false });
    }
  }, 60_000);
});

describe('where two nodes would have one router address', () => {
  const label = (...words: readonly string[]) => on('h1')('docker', 'node', 'update', ...words, 'h3');

  /** A second address of h3, with the low 22 bits of h2's. */
  const second = '192.232.56.12';

  beforeAll(async () => {
    await shell('h3', `ip address add ${second}/32 dev eth0`);
    await everywhere((node) => shell(node, `ip route add ${second}/32 dev eth0`), ['h1', 'h2']);
  }, 30_000);
  afterAll(async () => {
    await everywhere((node) => shell(node, `ip route del ${second}/32 dev eth0`), ['h1', 'h2']);
    await shell('h3', `ip address del ${second}/32 dev eth0`);
  }, 30_000);

  it('both say so, the one that stays out serves its own tasks, and nothing else breaks', async () => {
    await label('--label-add', `routemesh.address=${second}`);
    const said = await eventually(async () => {
      const conditions = await everywhere(async (node) => (await status(node)).conditions.filter(({ reason }) => reason === 'RouterAddressCollision').map(({ object }) => object.name).sort());
      expect(conditions).toEqual(nodes.map(() => ['h2', 'h3']));
      return conditions;
    });
    expect(said).toHaveLength(3);
    await eventually(async () => {
      for (const node of nodes) expect(servers(await ask('client', urlOf(node, 8080), 4)).length).toBeGreaterThan(0);
    });
    await label('--label-rm', 'routemesh.address');
    await eventually(async () => {
      for (const node of nodes) expect(servers(await ask('client', urlOf(node, 8080), 6))).toEqual(web);
      for (const node of nodes) expect((await status(node)).conditions).toEqual([]);
    });
  }, 240_000);
});
