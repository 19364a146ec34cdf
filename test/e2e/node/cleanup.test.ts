import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, lab, shell } from '../support/lab.js';
import { meshSandbox, nodeAddress, removeMesh, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, taskPid } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

/** All that the mesh could leave behind; counters, ages and what the kernel learns by itself taken out. */
async function everything(pid: string): Promise<string> {
  return shell(
    'h1',
    `dump() { ip -d link; ip addr; ip rule; ip route show table all; }
     { iptables-save; dump; ip netns; sysctl -a -r 'ip_forward$|route_localnet$' 2>/dev/null
       nsenter -n -t ${pid} iptables-save
       nsenter -n -t ${pid} bash -c "$(declare -f dump); dump"
       nsenter -n -t ${pid} sysctl -a -r 'rp_filter$|disable_ipv6$' 2>/dev/null; } |
     sed -E -e '/^#/d' -e 's/\\[[0-9]+:[0-9]+\\]//' -e 's/valid_lft.*//' -e 's/(timer|gc_timer|hello_timer|tcn_timer|topology_change_timer) +[0-9.]+//g'`,
  );
}

/** Until then the kernel adds a route for each address of Docker's new devices. */
async function addressesAreProbed(): Promise<void> {
  const probing = await shell('h1', 'ip -o addr show tentative');
  if (probing !== '') throw new Error(`the kernel still probes ${probing}`);
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80'], 2);
  await eventually(addressesAreProbed);
}, servicesWithin);
afterAll(() => removeServices('web'), 60_000);

it('leaves the host and the tasks as they were before the first run, and dockerd answers again', async () => {
  const pid = await taskPid('web');
  const before = await everything(pid);
  await startMesh();
  await served({ 'tcp/8080': 2 });
  await ask('client', `http://${nodeAddress}:8080`, 2);
  expect(await everything(pid)).not.toBe(before);

  await removeMesh();
  expect(await everything(pid)).toBe(before);
  expect(servers(await ask('client', `http://${nodeAddress}:8080`, 4))).toHaveLength(2);
}, 180_000);

it('works without Docker and after a kill, twice without harm', async () => {
  const pid = await taskPid('web');
  const before = await everything(pid);
  await startMesh();
  await lab(['mesh', 'h1', 'kill']);
  expect(await shell('h1', 'routemesh cleanup')).toContain('mesh_sbox');
  expect(await shell('h1', 'routemesh cleanup')).toMatch(/nothing/i);
  expect(await everything(pid)).toBe(before);
}, 120_000);

it('is refused while the controller runs: it would only put everything back', async () => {
  await startMesh();
  await expect(shell('h1', 'routemesh cleanup')).rejects.toThrow(/running|runs/);
  await shell('h1', `test -e ${meshSandbox}`);
  await stopMesh();
  await shell('h1', 'routemesh cleanup');
}, 120_000);
