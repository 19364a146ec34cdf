import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { protocols } from '../../../src/cluster/state.js';
import { plan, UnknownNodeError } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { chainOf, cluster, contextFor, nodeId, placeOf, port, service, task } from './fixtures.js';

const web = cluster({ services: [service('web', [port(8080, 80)])], tasks: [task('web', 1), task('web', 2)] });
const planned = (state = web, more = {}) => plan(state, contextFor(state, more));

describe('host', () => {
  it('sends a published port to the sandbox and lets the rest of the node alone', () => {
    expect(chainOf(planned(), 'host', 'nat', 'MESH-INGRESS')).toEqual([
      '-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.30.0.2:8080',
      '-j RETURN',
    ]);
  });

  it('accepts packets of known connections before it walks the ports, so that their cost does not grow with the ports', () => {
    expect(chainOf(planned(), 'host', 'filter', 'MESH-INGRESS')).toEqual([
      '-d 172.30.0.2/32 -o mesh_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-s 172.30.0.2/32 -i mesh_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-d 172.30.0.2/32 -o mesh_gwbridge -p tcp -m tcp --dport 8080 -j ACCEPT',
      '-j RETURN',
    ]);
  });

  it("stands behind the user's firewall and before dockerd's", () => {
    const forward = placeOf(planned(), 'host').iptables.guests.find(({ chain }) => chain === 'FORWARD');
    expect(forward).toMatchObject({ table: 'filter', placement: 'after-docker-user', rule: ['-j', 'MESH-INGRESS'] });
  });

  it("leaves holding a port that dockerd publishes to dockerd, and holds a label's itself", () => {
    const state = cluster({
      services: [service('web', [port(8080, 80), port(9090, 80, { publishedBy: 'label', protocol: 'udp' })])],
      tasks: [task('web', 1)],
    });
    expect(placeOf(planned(state), 'host').placeholders).toEqual([{ protocol: 'udp', port: 9090 }]);
  });
});

describe('sandbox', () => {
  it('balances the mark of a published port over its tasks at their target port', () => {
    expect(placeOf(planned(), 'sandbox').virtualServices).toEqual([
      {
        fwmark: 0x61f90,
        scheduler: 'rr',
        affinitySeconds: null,
        onePacket: false,
        destinations: [
          { address: '10.0.0.5', port: 80, weight: 1 },
          { address: '10.0.0.6', port: 80, weight: 1 },
        ],
      },
    ]);
  });

  it('keeps the client address by default: nothing in the sandbox translates sources', () => {
    expect(chainOf(planned(), 'sandbox', 'nat', 'POSTROUTING')).toEqual([]);
  });

  it('shows the router address to a service that asks for snat, and to no other', () => {
    const state = cluster({
      services: [service('old', [port(81, 80, { policy: { sourceAddress: 'snat' } })]), service('web', [port(8080, 80)])],
    });
    expect(chainOf(planned(state), 'sandbox', 'nat', 'POSTROUTING')).toEqual(['-m mark --mark 0x60051 -j SNAT --to-source 100.104.56.11']);
  });

  it('sets conn_reuse_mode only where the kernel is too old to do without', () => {
    const reuse = (kernelRelease: string) =>
      placeOf(planned(web, { kernelRelease }), 'sandbox').sysctls.filter(({ path }) => path.endsWith('conn_reuse_mode'));
    expect(reuse('5.8.18')).toEqual([{ path: 'net/ipv4/vs/conn_reuse_mode', value: '0' }]);
    expect(reuse('4.19.0')).toHaveLength(1);
    expect(reuse('5.9.0')).toEqual([]);
    expect(reuse('6.1.0-40-amd64')).toEqual([]);
  });

  it('remembers an idle connection for longer than a keepalive of the kernel takes', () => {
    expect(placeOf(planned(), 'sandbox').ipvsTimeouts?.tcp).toBeGreaterThan(7200 + 9 * 75);
  });

  it('gives a drained task weight 0 and keeps it', () => {
    const state = cluster({ services: web.services, tasks: [task('web', 1, { weight: 0 })] });
    expect(placeOf(planned(state), 'sandbox').virtualServices[0]?.destinations).toEqual([{ address: '10.0.0.5', port: 80, weight: 0 }]);
  });
});

describe('fabric', () => {
  it('lets in nothing but new connections from the sandbox to published ports of tasks', () => {
    expect(chainOf(planned(), 'fabric', 'filter', 'FORWARD')).toEqual([
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-d 10.0.0.5/32 -i sbox0 -o task-web1xxxxxx -p tcp -m tcp --dport 80 -j ACCEPT',
      '-d 10.0.0.6/32 -i sbox0 -o task-web2xxxxxx -p tcp -m tcp --dport 80 -j ACCEPT',
    ]);
    const policies = placeOf(planned(), 'fabric').iptables.chains.filter(({ table }) => table === 'filter');
    expect(policies.map(({ policy }) => policy)).toEqual(['DROP', 'DROP', 'DROP']);
  });

  it('has a nat table, without which connection tracking could not resolve a clash of client ports', () => {
    expect(chainOf(planned(), 'fabric', 'nat', 'PREROUTING')).toEqual([]);
  });
});

describe('task', () => {
  it('replies by our cable only for what the task sends from its identity', () => {
    const place = placeOf(planned(), `task:${task('web', 1).id}`);
    expect(place.rules).toEqual([{ priority: 100, from: '10.0.0.5', table: 100 }]);
    expect(place.routes).toEqual([
      { destination: '10.0.0.0/24', table: 100, device: 'eth0', source: '10.0.0.5' },
      { destination: '0.0.0.0/0', table: 100, device: 'mesh0', via: '169.254.1.1', onlink: true, source: '10.0.0.5' },
    ]);
  });

  it('answers UDP from its identity even where the server lets the kernel choose the source, and its neighbours as before', () => {
    const udp = { protocol: 'udp' as const };
    const state = cluster({ services: [service('dns', [port(53, 53), port(53, 53, udp), port(5353, 53, udp)])], tasks: [task('dns', 1)] });
    expect(placeOf(planned(state), `task:${task('dns', 1).id}`).rules).toEqual([
      { priority: 100, from: '10.0.0.5', table: 100 },
      { priority: 101, sourcePort: { protocol: 'udp', port: 53 }, suppressPrefixLength: 0, table: 254 },
      { priority: 102, sourcePort: { protocol: 'udp', port: 53 }, table: 100 },
    ]);
  });

  it("carries its identity on mesh0, or dockerd's REDIRECT would drop a target port that equals a published one", () => {
    expect(placeOf(planned(), `task:${task('web', 1).id}`).addresses).toEqual([{ device: 'mesh0', address: '10.0.0.5', prefixLength: 32 }]);
  });

  it('gets no cable when nothing of its service is published here', () => {
    const state = cluster({ services: [service('web', [])], tasks: [task('web', 1)] });
    expect(planned(state).places.map(({ place }) => place)).toEqual(['host', 'sandbox', 'fabric']);
  });

  it('is told about when its namespace is not found, and the other tasks are served', () => {
    const state = web;
    const localTasks = new Map([...contextFor(state).localTasks].slice(1));
    const result = planned(state, { localTasks });
    expect(result.conditions.map(({ reason, object }) => [reason, object.name])).toEqual([['TaskUnreachable', 'web.1']]);
    expect(result.ports[0]?.backends.map(({ taskName }) => taskName)).toEqual(['web.2']);
  });
});

describe('swapped ports', () => {
  it("sends the published number where dockerd's REDIRECT in the task would turn the target into another port", () => {
    const state = cluster({ services: [service('swap', [port(80, 8080), port(8080, 80), port(9000, 9000)])], tasks: [task('swap', 1)] });
    const delivered = planned(state).ports.map(({ published, backends }) => [published, backends[0]?.port]);
    expect(delivered).toEqual([
      [80, 80],
      [8080, 8080],
      [9000, 9000],
    ]);
  });

  it('sends the target where the identity is on another overlay, which no REDIRECT of dockerd is for', () => {
    const swap = service('swap', [port(80, 8080), port(8080, 80)], { besideIngress: true });
    const delivered = planned(cluster({ services: [swap], tasks: [task('swap', 1)] })).ports.map(({ published, backends }) => [published, backends[0]?.port]);
    expect(delivered).toEqual([
      [80, 8080],
      [8080, 80],
    ]);
  });
});

describe('refusals', () => {
  it("keeps the node's own management ports for the node", () => {
    const state = cluster({ services: [service('ssh', [port(22, 22), port(2022, 22)])] });
    const result = planned(state);
    expect(result.ports.map(({ published }) => published)).toEqual([2022]);
    expect(result.conditions).toMatchObject([{ reason: 'PortReserved', object: { name: 'ssh' } }]);
  });

  it('takes a management port when the setting says so', () => {
    const state = cluster({ services: [service('ssh', [port(22, 22)])] });
    expect(planned(state, { settings: { ...defaultSettings, reservedPorts: [] } }).ports).toHaveLength(1);
  });

  it('does not take a port from another program of the node', () => {
    const result = planned(web, { portsHeldByOthers: new Map([['tcp/8080', 'nginx (pid 12)']]) });
    expect(result.ports).toEqual([]);
    expect(result.conditions).toMatchObject([{ reason: 'PortConflict', message: expect.stringContaining('nginx (pid 12)') as unknown }]);
  });

  it('leaves a port with the older of two services and tells the younger one', () => {
    const label = { publishedBy: 'label' as const };
    const state = cluster({
      services: [
        service('young', [port(81, 80, label)], { createdAt: '2026-02-01T00:00:00Z' }),
        service('old', [port(81, 80, label)], { createdAt: '2026-01-01T00:00:00Z' }),
      ],
    });
    const result = planned(state);
    expect(result.ports.map(({ serviceName }) => serviceName)).toEqual(['old']);
    expect(result.conditions).toMatchObject([{ reason: 'PortTaken', object: { name: 'young' } }]);
  });

  it("lets Swarm's own publication win over a label, since dockerd answers there too", () => {
    const state = cluster({
      services: [
        service('label', [port(81, 80, { publishedBy: 'label' })], { createdAt: '2025-01-01T00:00:00Z' }),
        service('swarm', [port(81, 80)], { createdAt: '2026-01-01T00:00:00Z' }),
      ],
    });
    expect(planned(state).ports.map(({ serviceName }) => serviceName)).toEqual(['swarm']);
  });

  it('serves tcp and udp of one number side by side', () => {
    const state = cluster({ services: [service('dns', [port(53, 53), port(53, 53, { protocol: 'udp' })])] });
    expect(planned(state).ports.map(({ protocol, fwmark }) => [protocol, fwmark])).toEqual([
      ['tcp', 0x60035],
      ['udp', 0x110035],
    ]);
  });

  it('says which nodes the cluster has when this one is not among them', () => {
    expect(() => plan(web, contextFor(web, { nodeId: 'stranger' }))).toThrow(UnknownNodeError);
    expect(() => plan(web, contextFor(web, { nodeId: 'stranger' }))).toThrow('h1');
  });
});

describe('a service that is gone', () => {
  const gone = cluster({ services: [{ ...service('web', [port(8080, 80)]), removed: true }], tasks: [task('web', 1, { weight: 0 })] });

  it('gets no new connections but keeps the ones that it has', () => {
    const result = planned(gone);
    expect(chainOf(result, 'host', 'nat', 'MESH-INGRESS')).toEqual(['-j RETURN']);
    expect(chainOf(result, 'sandbox', 'mangle', 'PREROUTING')).toEqual([]);
    expect(placeOf(result, 'sandbox').virtualServices).toHaveLength(1);
    expect(chainOf(result, 'fabric', 'filter', 'FORWARD')).toHaveLength(2);
  });

  it('does not keep its port from its successor', () => {
    const state = cluster({ ...gone, services: [...gone.services, service('next', [port(8080, 80)], { createdAt: '2030-01-01T00:00:00Z' })] });
    expect(planned(state).ports.map(({ serviceName }) => serviceName)).toEqual(['next']);
    expect(planned(state).conditions).toEqual([]);
  });
});

describe('any cluster', () => {
  const anyPort = fc.record({
    protocol: fc.constantFrom(...protocols),
    published: fc.integer({ min: 1, max: 65535 }),
    target: fc.integer({ min: 1, max: 65535 }),
    publishedBy: fc.constantFrom('swarm' as const, 'label' as const),
  });
  const anyCluster = fc
    .array(fc.record({ ports: fc.array(anyPort, { maxLength: 4 }), tasks: fc.integer({ min: 0, max: 3 }) }), { maxLength: 5 })
    .map((services) =>
      cluster({
        services: services.map(({ ports }, index) => service(`s${index}`, ports.map(({ published, target, ...more }) => port(published, target, more)))),
        tasks: services.flatMap(({ tasks }, index) =>
          Array.from({ length: tasks }, (_, slot) => task(`s${index}`, slot, { identity: { address: `10.0.${index}.${slot + 2}`, prefixLength: 24 } })),
        ),
      }),
    );

  it('is served whole: every port that is sent to the sandbox is marked, balanced and let through to each of its tasks', () => {
    fc.assert(
      fc.property(anyCluster, (state) => {
        const result = plan(state, contextFor(state));
        const marks = chainOf(result, 'sandbox', 'mangle', 'PREROUTING');
        const dnat = chainOf(result, 'host', 'nat', 'MESH-INGRESS');
        const admissions = chainOf(result, 'fabric', 'filter', 'FORWARD');
        const routes = placeOf(result, 'fabric').routes.map(({ destination }) => destination);
        for (const { protocol, published, fwmark, backends } of result.ports) {
          expect(dnat).toContain(`-p ${protocol} -m ${protocol} --dport ${published} -j DNAT --to-destination 172.30.0.2:${published}`);
          expect(marks).toContain(`-i eth1 -p ${protocol} -m ${protocol} --dport ${published} -j MARK --set-xmark 0x${fwmark.toString(16)}/0xffffffff`);
          for (const backend of backends) {
            expect(routes).toContain(`${backend.address}/32`);
            expect(admissions.some((rule) => rule.startsWith(`-d ${backend.address}/32 -i sbox0`) && rule.includes(`-p ${protocol} -m ${protocol} --dport ${backend.port} `))).toBe(true);
          }
        }
        expect(dnat).toHaveLength(result.ports.length + 1);
      }),
    );
  });

  it('keeps every interface name within the 15 characters of the kernel, and tells tasks apart', () => {
    fc.assert(
      fc.property(anyCluster, (state) => {
        const names = plan(state, contextFor(state)).places.flatMap(({ place, links }) => links.map(({ name }) => `${place} ${name}`));
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name.slice(name.indexOf(' ') + 1).length).toBeLessThanOrEqual(15);
      }),
    );
  });

  it('is planned the same twice, so that a second run does nothing', () => {
    fc.assert(fc.property(anyCluster, (state) => expect(plan(state, contextFor(state))).toEqual(plan(state, contextFor(state)))));
  });

  it('ends on this node: its id is the context’s', () => {
    expect(planned().nodeId).toBe(nodeId);
  });
});
