import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, on, shell } from '../support/lab.js';
import { nodeAddress, removeMesh, served, startMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, taskPid } from '../support/swarm.js';
import { ask } from '../support/traffic.js';

let attacker: string;
let identity: string;
let victim: string;

beforeAll(async () => {
  await createService('attacker', ['--publish', '8080:80']);
  await createService('victim', ['--publish', '8090:80', '--env', 'PORT=80,81'], 1);
  await startMesh();
  await served({ 'tcp/8080': 1, 'tcp/8090': 1 });
  attacker = await taskPid('attacker');
  identity = await addressOn('mesh0', attacker);
  victim = await addressOn('mesh0', await taskPid('victim'));
  // The worst case: root in the attacker's namespace has flushed dockerd's own rules there, which would stop most of this,
  // and has a route to the victim by our cable for whatever source it likes.
  await shell('h1', `nsenter -n -t ${attacker} bash -c 'iptables -F OUTPUT; iptables -F INPUT; ip route add ${victim}/32 via 169.254.1.1 dev mesh0 onlink'`);
}, servicesWithin);

afterAll(async () => {
  await removeServices('attacker', 'victim');
  await removeMesh();
}, 120_000);

async function addressOn(device: string, pid: string): Promise<string> {
  return (await shell('h1', `nsenter -n -t ${pid} ip -4 -o addr show ${device} | awk '{print $4}' | cut -d/ -f1`)).trim();
}

/** Packets that the fabric's filter has dropped so far. */
async function dropped(): Promise<number> {
  const output = await on('h1')('ip', 'netns', 'exec', 'mesh_fabric', 'iptables', '-nvxL', 'FORWARD');
  return Number(/policy DROP (\d+) packets/.exec(output)?.[1]);
}

/** A TCP connection from the attacker's identity by way of mesh0; exit code 0 if it is established. */
function connectByFabric(address: string, port: number) {
  return attempt(['exec', 'h1', 'nsenter', '-n', '-t', attacker, 'python3', '-c', `
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"mesh0")
s.bind(("${identity}", 0))
s.settimeout(2)
try:
    s.connect(("${address}", ${port}))
except OSError as error:
    print(error); sys.exit(7)
`]);
}

describe('a task that uses mesh0 by hand', () => {
  it.each([
    ['another task’s published port', () => victim, 80],
    ['another task’s unpublished port', () => victim, 81],
    ['the host', () => nodeAddress, 22],
    ['the host by the gateway bridge', () => '172.30.0.1', 22],
    ['the sandbox', () => '100.104.56.11', 8080],
    ['the fabric itself', () => '169.254.1.1', 80],
    ['the client', () => '192.168.56.100', 80],
    ['an outside address', () => '203.0.113.1', 22],
  ])('does not reach %s', async (_name, address, port) => {
    const { code, stdout } = await connectByFabric(address(), port);
    expect({ code, stdout }).toMatchObject({ code: 7, stdout: expect.stringMatching(/timed out|refused|unreachable|No route/) as unknown });
  }, 20_000);

  it('is counted', async () => {
    const before = await dropped();
    await connectByFabric(victim, 80);
    expect(await dropped()).toBeGreaterThan(before);
  }, 20_000);

  it('does not reach anybody with a forged source either', async () => {
    const before = await dropped();
    await shell('h1', `nsenter -n -t ${attacker} python3 - <<'P'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"mesh0")
def packet(source, target):
    payload = struct.pack("!HHHH", 4000, 80, 9, 0) + b"x"
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target)) + payload
for i in range(5):
    s.sendto(packet("192.168.56.100", "${victim}"), ("${victim}", 0))
P`);
    expect(await dropped()).toBeGreaterThanOrEqual(before + 5);
  }, 20_000);
});

describe('the way in', () => {
  it('leads to a published port', async () => {
    expect(await ask('client', `http://${nodeAddress}:8090`)).toHaveLength(1);
  });

  it('does not lead to an unpublished port of a task, even from the sandbox', async () => {
    const { code } = await attempt(['exec', 'h1', 'ip', 'netns', 'exec', 'mesh_sbox', 'curl', '-sS', '--max-time', '2', `http://${victim}:81/who`]);
    expect(code).toBe(28);
  }, 20_000);

  it('is open from the sandbox to what is published: the test above means something', async () => {
    await on('h1')('ip', 'netns', 'exec', 'mesh_sbox', 'curl', '-sS', '--fail', '--max-time', '5', `http://${victim}:80/who`);
  }, 20_000);
});
