import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Authority, type Signed } from '../../support/certificates.js';
import { addressOf, askEach, everywhere, nodes, removeEverywhere, removeMeshes, setUpWithin, startWebEverywhere, swarmReady } from '../support/cluster.js';
import { attempt, eventually, lab, on, shell } from '../support/lab.js';
import { startMesh, status, stopMesh } from '../support/mesh.js';
import { servers } from '../support/traffic.js';

const relay = addressOf('h1');
const port = 4798;
/** The Swarm's root from the second test on: with its key a test can sign what Swarm itself never would. */
const root = new Authority();
/** Signs as this Swarm does, but is not its root. */
const forger = new Authority();

let web: string[];
let clusterId: string;
let workerId: string;

beforeAll(async () => {
  web = await startWebEverywhere();
  clusterId = (await on('h1')('docker', 'info', '--format', '{{.Swarm.Cluster.ID}}')).trim();
  workerId = (await on('h2')('docker', 'info', '--format', '{{.Swarm.NodeID}}')).trim();
  await lab(['power', 'h4', 'boot']);
  await on('h4')('docker', 'swarm', 'init', '--advertise-addr', addressOf('h4'));
}, setUpWithin);

afterAll(async () => {
  await attempt(['power', 'h4', 'kill']);
  await startMesh('h1');
  await swarmReady(3);
  await removeEverywhere('web');
  await removeMeshes();
}, 300_000);

/** What Swarm gave a node. */
async function certificateOf(node: string): Promise<Signed> {
  const read = (file: string) => shell(node, `cat /var/lib/docker/swarm/certificates/${file}`);
  // A manager's key has headers of Swarm's own among the lines of PEM.
  const key = (await read('swarm-node.key')).replace(/^[\w-]+: .*\n\n?/gm, '');
  return { certificate: await read('swarm-node.crt'), key };
}

/** Files on a host of the lab, for those who show them. */
async function put(host: string, name: string, { certificate, key }: Signed): Promise<void> {
  await lab(['exec', host, 'sh', '-c', `cat >/tmp/${name}.pem`], `${certificate}\n${key}`);
}

/**
 * What a stranger gets who says something to the relay over TLS: the first line of the answer, or `nothing`. `certificate`
 * names a file of `put`; `plain` speaks without TLS.
 */
async function knock(request: string, { certificate = '', plain = false }: { certificate?: string; plain?: boolean } = {}): Promise<string> {
  const script = `import socket, ssl, sys
s = socket.create_connection(("${relay}", ${port}), 10)
try:
    if not ${plain ? 'True' : 'False'}:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if "${certificate}": context.load_cert_chain("/tmp/${certificate}.pem")
        s = context.wrap_socket(s)
    s.sendall(${request})
    print(s.recv(4096).decode("latin1").split("\\r\\n")[0] or "nothing")
except (ssl.SSLError, ConnectionError) as error:
    print("nothing")`;
  return (await lab(['exec', 'client', 'python3', '-c', script])).trim();
}

const list = `b"GET /v1/state HTTP/1.1\\r\\nHost: relay\\r\\n\\r\\n"`;

/** Reasons that the manager's controller has logged for the client since it started, each as often as it was told. */
async function refusals(): Promise<string[]> {
  const log = await shell('h1', "tac /var/log/routemesh.log | sed '/\"message\":\"Started\"/q'");
  return log
    .split('\n')
    .filter((line) => line.includes('The relay refused a connection'))
    .map((line) => JSON.parse(line) as { readonly reason: string; readonly address: string })
    .filter(({ address }) => address === '192.168.56.100')
    .map(({ reason }) => reason);
}

async function expectRefused(reason: RegExp): Promise<void> {
  await eventually(async () => expect((await refusals()).filter((told) => reason.test(told))).toHaveLength(1));
}

/** KiB that the manager's controller holds. */
async function memoryOfRelay(): Promise<number> {
  return Number(await shell('h1', "awk '/VmRSS/ {print $2}' /proc/$(cat /run/lab/mesh.pid)/status"));
}

async function everyNodeFollows(): Promise<void> {
  await everywhere((node) => eventually(async () => expect((await status(node)).source.available).toBe(true)));
  expect((await askEach(8080, 6)).map(servers)).toEqual(nodes.map(() => web));
}

describe('the names and addresses of a cluster’s services are for its own nodes', () => {
  it('a worker’s certificate of this Swarm is answered: what is refused below is refused for its reason', async () => {
    await put('client', 'worker', await certificateOf('h2'));
    expect(await knock(list, { certificate: 'worker' })).toBe('HTTP/1.1 200 OK');
  });

  it('whoever shows no certificate gets nothing', async () => {
    expect(await knock(list)).toBe('nothing');
    expect(await knock(list)).toBe('nothing');
    await expectRefused(/^no certificate/);
  });

  it('a manager of a second real Swarm gets nothing', async () => {
    await put('client', 'second', await certificateOf('h4'));
    expect(await knock(list, { certificate: 'second' })).toBe('nothing');
    await expectRefused(/of another cluster/);
  });

  it('plain HTTP gets nothing', async () => {
    expect(await knock(list, { plain: true })).toBe('nothing');
    await expectRefused(/plain HTTP/);
  });
});

describe('a Swarm whose root certificate is rotated', () => {
  it('keeps its mesh: every node shows and believes the new ones without a restart', async () => {
    await lab(['exec', 'h1', 'sh', '-c', 'cat >/tmp/root.crt'], root.certificate);
    await lab(['exec', 'h1', 'sh', '-c', 'cat >/tmp/root.key'], root.key);
    await on('h1')('docker', 'swarm', 'ca', '--rotate', '--detach', '--ca-cert', '/tmp/root.crt', '--ca-key', '/tmp/root.key');
    const authority = root.certificate.trim();
    await everywhere((node) => eventually(async () => {
      expect((await shell(node, 'cat /var/lib/docker/swarm/certificates/swarm-root-ca.crt')).trim()).toBe(authority);
    }, 180_000));
    await everyNodeFollows();
    await put('client', 'renewed', await certificateOf('h2'));
    await eventually(async () => expect(await knock(list, { certificate: 'renewed' })).toBe('HTTP/1.1 200 OK'));
  }, 300_000);

  it('a worker’s certificate that has expired gets nothing, though this Swarm’s root signed it', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    await put('client', 'expired', root.issue({ CN: workerId, OU: 'swarm-worker', O: clusterId }, { notAfter }));
    expect(await knock(list, { certificate: 'expired' })).toBe('nothing');
    await expectRefused(/has expired/);
  });

  it('a certificate with this cluster’s name that another authority signed gets nothing', async () => {
    await put('client', 'forged', forger.issue({ CN: workerId, OU: 'swarm-worker', O: clusterId }));
    expect(await knock(list, { certificate: 'forged' })).toBe('nothing');
  });

  it('a node that the Swarm does not have gets nothing but a refusal, though this Swarm’s root signed for it', async () => {
    await put('client', 'stray', root.issue({ CN: 'nosuchnodenosuchnodenosuc', OU: 'swarm-worker', O: clusterId }));
    expect(await knock(list, { certificate: 'stray' })).toBe('HTTP/1.1 403 Forbidden');
    await expectRefused(/none of this cluster/);
  });
});

describe('a stranger or a node gone mad costs bounded memory, and the others nothing', () => {
  it('garbage, giant headers, giant bodies and a flood of connections', async () => {
    const before = await memoryOfRelay();
    await knock('b"\\x00\\xff" * 1000', { plain: true });
    await knock('b"\\x00\\xff" * 1000', { certificate: 'renewed' });
    await knock('b"GET / HTTP/1.1\\r\\nX: " + b"x" * 50_000_000', { certificate: 'renewed' });
    await knock('b"POST /v1/state HTTP/1.1\\r\\nHost: relay\\r\\nContent-Length: 50000000\\r\\n\\r\\n" + b"x" * 50_000_000', { certificate: 'renewed' });
    await lab(['exec', 'client', 'python3', '-c', `import socket
held = []
for _ in range(300):
    s = socket.create_connection(("${relay}", ${port}), 10)
    held.append(s)
    try: s.sendall(bytes.fromhex("1603010200")) # a TLS record whose 512 bytes never come
    except OSError: pass`]);
    await expectRefused(/too many connections without a certificate/);
    expect((await memoryOfRelay()) - before).toBeLessThan(64 * 1024);
    await everyNodeFollows();
  }, 180_000);

  it('one that sends its request a byte at a time is left within seconds', async () => {
    const seconds = await lab(['exec', 'client', 'python3', '-c', `import socket, ssl, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_cert_chain("/tmp/renewed.pem")
s = context.wrap_socket(socket.create_connection(("${relay}", ${port}), 10))
s.settimeout(0.2)
began = time.monotonic()
while time.monotonic() - began < 120:
    try:
        s.sendall(b"G")
        if s.recv(1) == b"": break
    except ssl.SSLError as error:
        if "timed out" not in str(error): break
    except TimeoutError: pass
    except OSError: break
print(time.monotonic() - began)`]);
    expect(Number(seconds)).toBeLessThan(60);
    await everyNodeFollows();
  }, 180_000);
});

describe('a follower believes managers only', () => {
  it('a worker that answers in the manager’s place is not followed, and traffic goes on', async () => {
    await put('h1', 'worker', await certificateOf('h2'));
    await stopMesh('h1');
    await lab(['exec', 'h1', 'sh', '-c', `cat >/tmp/impostor.mjs; exec setsid node /tmp/impostor.mjs >/tmp/impostor.log 2>&1 </dev/null & echo $! >/tmp/impostor.pid`], `
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
const pem = readFileSync('/tmp/worker.pem');
createServer({ cert: pem, key: pem, minVersion: 'TLSv1.3' }, (request, response) => response.end('{}')).listen(${port}, '${relay}');
`);
    try {
      await eventually(async () => expect(await shell('h3', "tail -n 100 /var/log/routemesh.log")).toContain('a worker’s, and only managers serve'));
      expect((await askEach(8080, 6)).map(servers)).toEqual(nodes.map(() => web));
    } finally {
      await shell('h1', 'kill $(cat /tmp/impostor.pid)');
    }
    await startMesh('h1');
    await everyNodeFollows();
  }, 180_000);
});
