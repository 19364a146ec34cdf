import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { shell } from '../support/lab.js';
import { removeMesh, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, taskPid } from '../support/swarm.js';
import { endOf, trace } from '../support/trace.js';

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80', '--publish', '8053:80/udp'], 2);
}, servicesWithin);

afterAll(async () => {
  await removeServices('web');
  await removeMesh();
}, 120_000);

describe('trace while no controller repairs what is broken', () => {
  const inSandbox = 'ip netns exec mesh_sbox';
  const inFabric = 'ip netns exec mesh_fabric';

  beforeEach(async () => {
    await startMesh();
    await served({ 'tcp/8080': 2, 'udp/8053': 2 });
    await stopMesh();
  }, 120_000);

  const breakages: readonly (readonly [name: string, command: string, at: string, why: RegExp])[] = [
    ['IPVS is cleared', `${inSandbox} ipvsadm -C`, 'mesh_sbox ipvs', /no virtual service at all/],
    ['all weights are 0', `${inSandbox} ipvsadm -Sn | grep -o -- '-f 401296 -r 10[.0-9]*:80' | while read -r server; do ${inSandbox} ipvsadm -e $server -m -w 0; done`, 'mesh_sbox ipvs', /weight 0/],
    ['the host’s nat chain is flushed', 'iptables -t nat -F MESH-INGRESS', 'host nat PREROUTING', /dockerd’s own ingress takes it .*MESH-INGRESS is empty/],
    ['dockerd put its jump first', 'iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS; iptables -t nat -I PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS', 'host nat PREROUTING', /MESH-INGRESS comes too late/],
    ['the sandbox’s marks are flushed', `${inSandbox} iptables -t mangle -F`, 'mesh_sbox mangle PREROUTING', /marks tcp\/8080/],
    ['the sandbox’s default route is deleted', `${inSandbox} ip route del default`, 'mesh_sbox route', /no route leads to 192\.0\.2\.1/],
    ['the routes to the tasks are deleted in the fabric', `for task in $(${inFabric} ip route | grep -o '^10\\.[.0-9]*'); do ${inFabric} ip route del $task; done`, 'mesh_fabric route', /the route to 10\.[.0-9]* is missing/],
    ['the fabric admits nothing', `${inFabric} iptables -F FORWARD`, 'mesh_fabric filter FORWARD', /belongs to routemesh alone/],
    ['a cable is down', `${inFabric} ip link set sbox0 down`, 'mesh_sbox cable', /the other end of its cable is not/],
    ['the gateway bridge is deleted', 'ip link del mesh_gwbridge', 'host route', /the route to 172\.30\.0\.2 is missing/],
    ['the sandbox is deleted', 'ip netns del mesh_sbox; sleep 1', 'host cable', /no network namespace mesh_sbox/],
  ];

  it.each(breakages)('ends where %s, says why, and that no controller runs', async (_name, command, at, why) => {
    await shell('h1', command);
    const found = await trace('8080');
    expect(endOf(found)).toMatchObject({ code: 1, at });
    expect(found.verdict.end?.why).toMatch(why);
    expect(found.verdict.end?.remedy).toContain('routemesh run');
  }, 60_000);

  it('counts the tasks that it still leads to: one whose routing rule is deleted gets no answer back', async () => {
    await shell('h1', `nsenter -n -t ${await taskPid('web')} ip rule del pref 100`);
    const found = await trace('8080');
    expect(found).toMatchObject({ code: 0, verdict: { reaches: true, servers: 2, reached: 1 } });
    const broken = found.branches.find(({ outcome }) => outcome === 'ends');
    expect(broken?.hops.at(-1)).toMatchObject({ step: 'reply', outcome: 'ends' });
    expect(broken?.hops.at(-1)?.why).toContain('lookup 100” is missing');
  }, 60_000);
});
