import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, shell } from '../support/lab.js';
import {
  clientAddress, connectionsCounted, dockerSandbox, expectNothingToDo, meshSandbox, nodeAddress, packetsCounted, realServers, removeMesh,
  routerAddress, startMesh, status,
} from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin, taskPid } from '../support/swarm.js';
import { ask, askByUdp, askFromTask, clients, servers } from '../support/traffic.js';

const url = `http://${nodeAddress}:8080`;

/** Connections that each mesh has taken: ours and dockerd's DNAT, ours and dockerd's IPVS. */
function counters(): Promise<number[]> {
  return Promise.all([
    packetsCounted('MESH-INGRESS', 'dpt:8080'),
    packetsCounted('DOCKER-INGRESS', 'dpt:8080'),
    connectionsCounted(meshSandbox),
    connectionsCounted(dockerSandbox),
  ]);
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80', '--publish', '8080:80/udp', '--publish', '8081:8081', '--env', 'PORT=80,8081'], 3);
  await startMesh();
}, servicesWithin);

afterAll(async () => {
  await removeServices('web', 'old');
  await removeMesh();
}, 120_000);

describe('a service that Docker publishes', () => {
  it('is answered by each of its tasks, and each sees the client’s own address', async () => {
    const answers = await ask('client', url, 9);
    expect(servers(answers)).toEqual(await hostNames('web'));
    expect(clients(answers)).toEqual([clientAddress]);
  });

  it('is answered by routemesh, not by dockerd: only our counters move', async () => {
    // IPVS sums its counters up every two seconds (net/netfilter/ipvs/ip_vs_est.c): the last test's must be in.
    const before = await eventually(async () => {
      const now = await counters();
      expect(now[2]).toBe(now[0]);
      return now;
    }, 20_000);
    await ask('client', url, 6);
    await eventually(async () => {
      const after = await counters();
      expect(after.map((value, index) => value - (before[index] ?? 0))).toEqual([6, 0, 6, 0]);
    }, 20_000);
  });

  it('is reached on every address of the node, loopback too', async () => {
    const addresses = (await shell('h1', "ip -4 -o addr show | awk '{print $4}' | cut -d/ -f1")).split('\n').filter((line) => line !== '');
    expect(addresses).toEqual(expect.arrayContaining(['127.0.0.1', nodeAddress]));
    for (const address of addresses) {
      expect({ address, servers: servers(await ask('h1', `http://${address}:8080`, 3)) }).toEqual({ address, servers: await hostNames('web') });
    }
  });

  it('is reached from inside of its own tasks (hairpin)', async () => {
    expect(servers(await askFromTask('h1', await taskPid('web'), url, 3))).toEqual(await hostNames('web'));
  });

  it('is reached when target and published port are the same number, where dockerd redirects inside of the task', async () => {
    expect(servers(await ask('client', `http://${nodeAddress}:8081`, 3))).toEqual(await hostNames('web'));
  });

  it('answers UDP on the same number', async () => {
    const answers = await askByUdp('client', nodeAddress, 8080, 3);
    expect(servers(answers)).toEqual(await hostNames('web'));
    expect(clients(answers)).toEqual([clientAddress]);
  });

  it('has the real servers of dockerd’s own ingress', async () => {
    const addressesOf = async (namespace: string) => [...new Set((await realServers(namespace)).map(({ address }) => address))];
    expect(await addressesOf(meshSandbox)).toEqual(await addressesOf(dockerSandbox));
    expect((await realServers()).filter(({ fwmark }) => fwmark === 0x61f90).map(({ port, weight }) => [port, weight])).toEqual([
      [80, 1],
      [80, 1],
      [80, 1],
    ]);
  });

  it('leaves nothing to do once it is programmed', async () => {
    await expectNothingToDo();
    expect(await status()).toMatchObject({ programmed: true, conditions: [], repairs: {} });
  });
});

describe('source-ip=snat', () => {
  beforeAll(async () => {
    await createService('old', ['--publish', '8090:80', '--publish', '8090:80/udp', '--publish', '8092:92/sctp', '--label', 'routemesh.source-ip=snat', '--label', 'routemesh.8092/sctp.source-ip=preserve', '--env', 'UDP_REPLY=plain']);
    await eventually(async () => expect((await status()).ports.map(({ published }) => published)).toContain(8090));
  }, servicesWithin);

  it('is not what another port of the same service gets: its SCTP clients are seen as they are', async () => {
    const pid = await taskPid('old');
    await shell('h1', `nsenter -n -t ${pid} setsid python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
s.bind(("0.0.0.0", 92))
s.listen()
while True:
    connection, (address, port) = s.accept()
    connection.send(f"task sees {address}:{port}".encode())
    connection.close()
' >/dev/null 2>&1 </dev/null &`);
    await eventually(async () => {
      const answer = await shell('client', `timeout 10 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
s.settimeout(5)
s.connect(("${nodeAddress}", 8092))
print(s.recv(100).decode())'`);
      expect(answer).toContain(`task sees ${clientAddress}:`);
    });
  }, 90_000);

  it('shows the router address to the service that asks for it, and to no other', async () => {
    expect(clients(await ask('client', `http://${nodeAddress}:8090`, 2))).toEqual([routerAddress]);
    expect(clients(await askByUdp('client', nodeAddress, 8090, 2))).toEqual([routerAddress]);
    expect(clients(await ask('client', url, 2))).toEqual([clientAddress]);
  });
});

describe('a UDP server that lets the kernel choose the address it answers from', () => {
  beforeAll(async () => {
    await createService('careless', ['--publish', '9053:9053/udp', '--env', 'PORT=9053', '--env', 'UDP_REPLY=plain']);
    await eventually(async () => expect((await status()).ports.map(({ published }) => published)).toContain(9053));
  }, servicesWithin);
  afterAll(() => removeServices('careless'), 60_000);

  it('still reaches its client, and sees its address', async () => {
    expect(clients(await askByUdp('client', nodeAddress, 9053, 2))).toEqual([clientAddress]);
  });
});
