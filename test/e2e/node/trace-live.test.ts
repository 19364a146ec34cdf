import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Moment } from '../../../src/trace/live/moment.js';
import { attempt, eventually, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo, nodeAddress, realServers, removeMesh, routerAddress, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin, updateService } from '../support/swarm.js';
import { follow, request } from '../support/trace-live.js';

const url = `http://${nodeAddress}:8080`;

/** States of a connection in one place, in order. */
function statesIn(moments: readonly Moment[], name: string): (string | null)[] {
  return moments.flatMap((moment) => ('entry' in moment && moment.name === name ? [moment.entry.state] : []));
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80'], 1);
  await startMesh();
  await served({ 'tcp/8080': 1 });
}, servicesWithin);

afterAll(async () => {
  await removeServices('web');
  await removeMesh();
}, 120_000);

describe('a connection that is followed', () => {
  it('is seen in each place with its translations, in IPVS, and in the task’s socket, to the end', async () => {
    const [server] = await realServers();
    const { moments, summary } = await follow('h1', request(`${url}/slow?ms=2000`));
    expect(summary).toMatchObject({
      places: ['host', 'mesh_sbox', 'mesh_fabric', 'web.1'], node: `${nodeAddress}:8080`, peer: null,
      realServer: `${server?.address}:80`, task: 'web.1', ending: 'closed', endedBy: 'client', loss: null,
    });
    expect(summary?.durationMilliseconds).toBeGreaterThan(1_900);
    const [host, fabric, task] = moments.filter(({ type }) => type === 'appeared').map((moment) => ('entry' in moment ? moment.entry : null));
    expect(host).toMatchObject({ there: { source: clientAddress, destination: nodeAddress, destinationPort: 8080 }, back: { source: '172.30.0.2', sourcePort: 8080 } });
    expect(fabric).toMatchObject({ there: { source: clientAddress, destination: server?.address, destinationPort: 80 } });
    expect(task).toMatchObject({ there: { source: clientAddress, destination: server?.address, destinationPort: 80 } });
    expect(statesIn(moments, 'host')[0]).toBe('SYN_SENT');
    for (const name of ['host', 'mesh_fabric', 'web.1']) {
      expect(statesIn(moments, name)).toContain('ESTABLISHED');
    }
    expect(moments).toContainEqual(expect.objectContaining({ type: 'ipvs', connection: expect.objectContaining({ server: server?.address, state: 'ESTABLISHED' }) }));
    expect(moments).toContainEqual(expect.objectContaining({ type: 'socket', socket: expect.objectContaining({ accepted: true, unread: 0 }) }));
  }, 60_000);

  it('is seen in the sandbox by connection tracking, too, where a rule there translates its source', async () => {
    await updateService('web', '--label-add', 'routemesh.source-ip=snat');
    await eventually(async () => { expect(await shell('h1', 'ip netns exec mesh_sbox iptables -t nat -nL POSTROUTING')).toContain(routerAddress); });
    const { moments, summary } = await follow('h1', request(`${url}/slow?ms=500`));
    expect(moments).toContainEqual(expect.objectContaining({ type: 'appeared', name: 'mesh_sbox', entry: expect.objectContaining({ back: expect.objectContaining({ destination: routerAddress }) }) }));
    expect(moments).toContainEqual(expect.objectContaining({ type: 'appeared', name: 'web.1', entry: expect.objectContaining({ there: expect.objectContaining({ source: routerAddress }) }) }));
    expect(summary).toMatchObject({ places: ['host', 'mesh_sbox', 'mesh_fabric', 'web.1'], loss: null });
    await updateService('web', '--label-rm', 'routemesh.source-ip');
    await eventually(async () => { expect(await shell('h1', 'ip netns exec mesh_sbox iptables -t nat -nL POSTROUTING')).not.toContain(routerAddress); });
  }, 90_000);

  it('tells packets and bytes where the node counts them, the same as curl got', async () => {
    await shell('h1', 'sysctl -qw net.netfilter.nf_conntrack_acct=1');
    try {
      const { summary } = await follow('h1', request(`${url}/bytes?n=100000`));
      expect(summary?.counters?.back.bytes).toBeGreaterThan(100_000);
      expect(summary?.counters?.there.packets).toBeGreaterThan(3);
      expect(summary?.text).toContain('bytes) back');
    } finally {
      await shell('h1', 'sysctl -qw net.netfilter.nf_conntrack_acct=0');
    }
  }, 60_000);

  it('tells people the same in one sentence, the last', async () => {
    await shell('h1', 'rm -f /tmp/trace-live.txt; setsid routemesh trace 8080 --live >/tmp/trace-live.txt 2>&1 </dev/null & until grep -q Waiting /tmp/trace-live.txt; do sleep 0.1; done');
    await shell('client', request(`${url}/who`));
    const text = await shell('h1', 'until grep -q "closed by FIN" /tmp/trace-live.txt; do sleep 0.2; done; cat /tmp/trace-live.txt');
    expect(text).toMatch(/ {2}host +SYN_SENT +192\.168\.56\.100:\d+ → 192\.168\.56\.11:8080\n +back 172\.30\.0\.2:8080 → 192\.168\.56\.100:\d+\n/);
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^192\.168\.56\.100:\d+ → h1 \(192\.168\.56\.11:8080\) → mesh_sbox → mesh_fabric → web\.1 \(10\.0\.0\.\d+:80\): closed by FIN from both sides, the client’s first, after/);
  }, 60_000);

  it('is waited for no longer than asked, and only from the client that was asked for', async () => {
    const { last, moments } = await follow('h1', request(`${url}/who`), '--from', '203.0.113.9', '--timeout', '4s');
    expect(last).toEqual({ type: 'nobody' });
    expect(moments).toEqual([]);
    expect((await attempt(['exec', 'h1', 'routemesh', 'trace', '8080', '--live', '--timeout', '1s'])).code).toBe(1);
    expect((await attempt(['exec', 'h1', 'routemesh', 'trace', '8080', '--timeout', '1s'])).code).toBe(64);
  }, 60_000);

  it('leaves the node as it was', () => expectNothingToDo(), 30_000);
});

describe('a connection that gets nowhere', () => {
  afterEach(async () => {
    await shell('h1', `iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN; docker unpause ${(await hostNames('web')).join(' ')} >/dev/null 2>&1 || true`);
  });

  it('says that the task’s program never took it while the task is frozen, and what waits unread', async () => {
    await shell('h1', `docker pause ${(await hostNames('web')).join(' ')}`);
    const { summary } = await follow('h1', request(`${url}/who`, 2));
    expect(summary).toMatchObject({ ending: 'half-closed', endedBy: 'client', loss: { of: 'task', seenIn: 'web.1' } });
    expect(summary?.loss?.why).toMatch(/web\.1 has it, but its program never accepted it: its kernel alone answered \(\d+ bytes of the client’s wait unread\)/);
  }, 60_000);

  it('says that the answer is lost behind the host where a rule of the owner’s drops it there', async () => {
    await shell('h1', 'iptables -I DOCKER-USER -s 172.30.0.2 -j DROP');
    const { summary } = await follow('h1', request(`${url}/who`, 3));
    expect(summary).toMatchObject({ ending: 'unanswered', places: ['host', 'mesh_sbox', 'mesh_fabric', 'web.1'], loss: { of: 'answer', seenIn: 'host' } });
  }, 60_000);

  describe('while no controller repairs it', () => {
    beforeAll(() => stopMesh(), 60_000);
    afterAll(() => startMesh(), 60_000);

    it.each([
      ['its request is dropped in the fabric', 'ip netns exec mesh_fabric iptables -I FORWARD -i sbox0 -j DROP', 'ip netns exec mesh_fabric iptables -D FORWARD 1', { of: 'request', seenIn: 'mesh_sbox' }],
      ['its answer is dropped in the fabric', 'ip netns exec mesh_fabric iptables -I FORWARD -i task-+ -j DROP', 'ip netns exec mesh_fabric iptables -D FORWARD 1', { of: 'answer', seenIn: 'mesh_fabric' }],
      ['IPVS has nobody for it', 'ip netns exec mesh_sbox ipvsadm -Sn >/tmp/ipvs; ip netns exec mesh_sbox ipvsadm -C', 'ip netns exec mesh_sbox ipvsadm -R </tmp/ipvs', { of: 'request', seenIn: 'host' }],
    ])('says where %s', async (_name, breakage, repair, loss) => {
      await shell('h1', breakage);
      try {
        const { summary } = await follow('h1', request(`${url}/who`, 3));
        expect(summary?.loss).toMatchObject(loss);
        expect(summary?.loss?.remedy).toContain(`routemesh trace tcp/8080 --from ${clientAddress}`);
      } finally {
        await shell('h1', repair);
      }
    }, 60_000);

    it('to dockerd’s own ingress is named as that', async () => {
      await shell('h1', 'iptables -t nat -F MESH-INGRESS');
      const { summary } = await follow('h1', request(`${url}/who`));
      expect(summary?.loss?.why).toContain('which is not routemesh’s sandbox (dockerd’s own ingress');
    }, 60_000);
  });
});
