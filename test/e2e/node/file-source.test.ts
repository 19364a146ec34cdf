import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, lab, on, shell } from '../support/lab.js';
import { clientAddress, served, startMesh, status } from '../support/mesh.js';
import { ask, askByUdp, clients, servers } from '../support/traffic.js';

/** A host of the lab of its own, with nothing on it: no dockerd, no container. */
const host = 'plain';
const address = '192.168.56.40';
const url = `http://${address}:8080`;
const file = '/etc/routemesh/cluster.yaml';

const cluster = (services: string) => `nodes:\n  ${host}: ${address}\nservices:\n${services}`;
const web = (endpoints: readonly number[]) =>
  `  web:\n    publish: [8080:80, 8080:80/udp]\n    endpoints:\n${endpoints.map((n) => `      - { node: ${host}, address: 10.9.0.${n}/24, namespace: web${n} }\n`).join('')}`;

/** Written as editors do it: beside it, then renamed. */
async function save(text: string): Promise<void> {
  await lab(['exec', host, 'bash', '-c', `mkdir -p /etc/routemesh && cat >${file}.new && mv ${file}.new ${file}`], text);
}

beforeAll(async () => {
  await lab(['vm', '/run/lab/bin/machine', host, address]);
  await shell(
    host,
    `tar -xf /run/lab/test-image.tar -C /run ./bin/server
     for n in 2 3; do
       ip netns add web$n; ip -n web$n link set lo up
       ip -n web$n link add eth0 type dummy; ip -n web$n addr add 10.9.0.$n/24 dev eth0; ip -n web$n link set eth0 up
       ip netns exec web$n unshare --uts sh -c "hostname web$n; exec setsid /run/bin/server >/dev/null 2>&1" &
     done; sleep 0.1`,
  );
  await save(cluster(web([2, 3])));
  await startMesh(host, '--cluster-file', file);
}, 120_000);

afterAll(async () => {
  await lab(['mesh', host, 'stop']);
  await on(host)('routemesh', 'cleanup');
  await shell(host, 'pkill -x server || true; for n in 2 3; do ip netns del web$n; done');
}, 60_000);

describe('a host without Docker', () => {
  it('answers for the endpoints of its file, and they see the client', async () => {
    const answers = await ask('client', url, 4);
    expect(servers(answers)).toEqual(['web2', 'web3']);
    expect(clients(answers)).toEqual([clientAddress]);
    expect(servers(await askByUdp('client', address, 8080, 4))).toEqual(['web2', 'web3']);
  }, 60_000);

  it('follows the file: an endpoint that is deleted gets no more connections', async () => {
    await save(cluster(web([3])));
    await served({ 'tcp/8080': 1, 'udp/8080': 1 }, host);
    expect(servers(await ask('client', url, 3))).toEqual(['web3']);
    await save(cluster(web([2, 3])));
    await served({ 'tcp/8080': 2, 'udp/8080': 2 }, host);
  }, 60_000);

  it.each([
    ['a half-written file', 'nodes:\n  plain: 192.168.56.40\nservices:\n  web:\n    publish: [8080:8'],
    ['a file of garbage', '\u0001\u0002: ]['],
    ['an empty file', ''],
  ])('goes on serving while the file is %s, says where the trouble is, and recovers', async (_name, text) => {
    await save(text);
    await eventually(async () => {
      const { conditions } = await status(host);
      expect(conditions.map(({ reason }) => reason)).toEqual(['SourceUnavailable']);
      expect(conditions[0]?.message).toContain(file);
    });
    expect(servers(await ask('client', url, 4))).toEqual(['web2', 'web3']);
    await save(cluster(web([2, 3])));
    await eventually(async () => expect((await status(host)).conditions).toEqual([]));
  }, 60_000);

  it('serves the rest where one key is wrong', async () => {
    await save(cluster(`${web([2, 3])}  bad:\n    publish: 70000:80\n    scheduler: "rr -j ACCEPT"\n    endpoints: []\n`));
    await eventually(async () => expect((await status(host)).conditions.map(({ reason, object }) => `${reason} ${object.name}`)).toEqual(['BadPolicy bad', 'BadPolicy bad']));
    expect(servers(await ask('client', url, 4))).toEqual(['web2', 'web3']);
  }, 60_000);

  it('refuses a port on which a program of the host listens, and names the program', async () => {
    await shell(host, 'setsid python3 -m http.server 8099 >/dev/null 2>&1 & echo $! >/run/busy.pid; for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8099/ && break; sleep 0.1; done');
    await save(cluster(`${web([2, 3])}  late:\n    publish: 8099:80\n    endpoints: []\n`));
    await eventually(async () => {
      const { conditions } = await status(host);
      expect(conditions).toMatchObject([{ reason: 'PortConflict', object: { name: 'late' } }]);
      expect(conditions[0]?.message).toContain('python3');
    });
    await shell(host, 'kill $(cat /run/busy.pid)');
    await eventually(async () => expect((await status(host)).conditions).toEqual([]));
  }, 60_000);
});
