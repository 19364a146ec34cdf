import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { composedRun } from '../support/compose.js';
import { eventually, on, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo, nodeAddress, realServers, served, status } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

const h1 = on('h1');
const { flags, image } = composedRun();
/** The lab can reach no registry: the image's programs are the node's own, by bind mounts, and the rest is docker-compose.yml's. */
const programs = ['/usr', '/opt/node', '/routemesh', '/run/lab/bin'].flatMap((path) => ['--volume', `${path}:${path}:ro`]);
/** `docker run` refuses --rm beside --restart. */
const onceFlags = flags.filter((flag, index) => flag !== '--restart' && flags[index - 1] !== '--restart');

beforeAll(async () => {
  await shell('h1', `
    mkdir -p /run/netns /run/routemesh /etc/routemesh && touch /run/xtables.lock
    mountpoint -q /run/netns || mount --bind /run/netns /run/netns && mount --make-shared /run/netns
    folder=$(mktemp -d) && mkdir $folder/{usr,opt,opt/node,routemesh,tmp,var,var/lib,run,run/lab,run/lab/bin,proc,sys,dev} && cp -a /bin /sbin /lib /lib64 /etc $folder/
    tar -C $folder -c . | docker import --change 'ENTRYPOINT ["routemesh"]' --change 'CMD ["run"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - ${image} && rm -r $folder`);
  await createService('web', ['--publish', '8080:80'], 2);
  await h1('docker', 'run', '--detach', '--name', 'routemesh', ...flags, ...programs, image);
  await eventually(async () => expect((await status()).programmed).toBe(true));
  await served({ 'tcp/8080': 2 });
}, servicesWithin);

afterAll(async () => {
  await shell('h1', 'docker rm --force routemesh; routemesh cleanup; docker volume rm --force state; docker image rm --force routemesh');
  await removeServices('web');
}, 120_000);

it('the controller in its container, with no more than its capabilities, serves what Docker publishes', async () => {
  const answers = await ask('client', `http://${nodeAddress}:8080`, 4);
  expect(servers(answers)).toEqual(await hostNames('web'));
  expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([clientAddress]));
  expect((await status()).conditions).toEqual([]);
  expect((await h1('docker', 'inspect', '--format', '{{.HostConfig.Privileged}}', 'routemesh')).trim()).toBe('false');
});

it('its namespaces are the host’s: ip-netns and the other tools see them there', async () => {
  expect(await realServers()).toHaveLength(2);
  await expectNothingToDo();
}, 60_000);

it('doctor finds nothing missing inside, and a manager’s tasks are watched, not polled', async () => {
  expect(await h1('docker', 'exec', 'routemesh', 'routemesh', 'doctor')).not.toMatch(/✗|✘/);
  expect((await status()).source.description).toContain(', watched');
}, 60_000);

it('killed, it comes back by itself, and the mesh has gone on meanwhile', async () => {
  await shell('h1', 'kill -9 $(docker inspect -f "{{.State.Pid}}" routemesh)');
  expect(servers(await ask('client', `http://${nodeAddress}:8080`, 4))).toHaveLength(2);
  await eventually(async () => expect((await status()).programmed).toBe(true));
  await expectNothingToDo();
}, 120_000);

it('its own clean-up leaves nothing behind', async () => {
  await h1('docker', 'rm', '--force', 'routemesh');
  await h1('docker', 'run', '--rm', ...onceFlags, ...programs, image, 'cleanup');
  expect(await shell('h1', 'ip netns; iptables-save | grep MESH || true; ip link | grep mesh || true')).not.toMatch(/mesh|MESH/);
  expect(servers(await ask('client', `http://${nodeAddress}:8080`, 4))).toHaveLength(2);
}, 120_000);
