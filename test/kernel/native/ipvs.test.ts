/** IPVS against ipvsadm: what we write, it prints; what it writes, we read. Needs a kernel with IPVS: the lab's (docs/lab.md). */

import { execFileSync } from 'node:child_process';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import * as native from '../../../native/index.js';
import { discard, eventually, freshNamespace, tool } from './laboratory.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
describe('IPVS', () => {
  let namespace: native.NetworkNamespace;
  let ipvs: native.Ipvs;

  const mark = (fwmark: number, family: native.AddressFamily = 'inet'): native.ServiceKey => ({ kind: 'fwmark', family, fwmark });
  const web: native.ServiceKey = { kind: 'address', protocol: 'tcp', address: '10.1.1.1', port: 80 };
  /** The lines of `ipvsadm -Sn`, as words and without trailing spaces. */
  const saved = (): string[] => tool(namespace, 'ipvsadm', '-S', '-n').split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const restore = (...lines: string[]): void => {
    execFileSync('nsenter', [`--net=/run/netns/${namespace.label}`, 'ipvsadm', '-R'], { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'pipe', 'pipe'] });
  };

  beforeAll(async () => {
    await native.initialise();
    namespace = freshNamespace('ipvs');
    ipvs = native.Ipvs.open(namespace);
    const kernel = native.RouteNetlink.open(namespace);
    kernel.execute([native.changeLink('lo', { isUp: true }), native.addAddress({ linkIndex: 1, address: '10.1.1.1/32' })]);
    kernel.close();
  });
  beforeEach(() => { ipvs.execute([native.flushServices()]); });
  afterAll(() => {
    ipvs.close();
    discard(namespace);
  });

  test('services by mark and by address, IPv4 and IPv6, tcp, udp and sctp: what we add, ipvsadm prints', () => {
    ipvs.execute([
      native.addService({ key: mark(0x61f90), scheduler: 'rr' }),
      native.addService({ key: mark(7, 'inet6'), scheduler: 'wlc', persistenceSeconds: 60, persistencePrefixLength: 64 }),
      native.addService({ key: web, scheduler: 'sh', schedulerFlags: { flag1: true, flag2: true, flag3: false } }),
      native.addService({ key: { ...web, protocol: 'udp' }, scheduler: 'rr', onePacket: true }),
      native.addService({ key: { ...web, protocol: 'sctp' }, scheduler: 'lc', persistenceSeconds: 300, persistencePrefixLength: 24 }),
      native.addService({ key: { kind: 'address', protocol: 'tcp', address: 'fd00::1', port: 443 }, scheduler: 'wrr' }),
    ]);
    expect(saved().sort()).toEqual([
      '-A --sctp-service 10.1.1.1:80 -s lc -p 300 -M 255.255.255.0',
      '-A -f 401296 -s rr',
      '-A -f 7 -6 -s wlc -p 60 -M 64',
      '-A -t 10.1.1.1:80 -s sh -b sh-fallback,sh-port',
      '-A -t [fd00::1]:443 -s wrr',
      '-A -u 10.1.1.1:80 -s rr -o',
    ]);
  });

  test('what ipvsadm adds, we read, field by field; and what we read can be written again', () => {
    restore('-A -f 100 -s wrr -p 120 -M 255.255.0.0', '-A -t 10.1.1.1:80 -s mh -b mh-fallback,mh-port', '-A -u [fd00::1]:53 -s rr -o',
      '-a -f 100 -r 10.0.0.4:80 -m -w 3 -x 100 -y 50', '-a -f 100 -r 10.0.0.5:80 -g -w 0', '-a -f 100 -r 10.0.0.6:0 -i -w 7');
    const services = ipvs.services();
    expect(services).toHaveLength(3);
    expect(services).toEqual(expect.arrayContaining([
      expect.objectContaining({ key: mark(100), scheduler: 'wrr', persistenceSeconds: 120, persistencePrefixLength: 16, onePacket: false }),
      expect.objectContaining({ key: web, scheduler: 'mh', persistenceSeconds: undefined, persistencePrefixLength: 32, schedulerFlags: { flag1: true, flag2: true, flag3: false } }),
      expect.objectContaining({ key: { kind: 'address', protocol: 'udp', address: 'fd00::1', port: 53 }, onePacket: true, persistencePrefixLength: 128 }),
    ]));
    const destinations = ipvs.destinations(mark(100));
    expect(destinations).toEqual(expect.arrayContaining([
      expect.objectContaining({ address: '10.0.0.4', port: 80, forwarding: 'masquerade', weight: 3, upperThreshold: 100, lowerThreshold: 50, activeConnections: 0 }),
      expect.objectContaining({ address: '10.0.0.5', forwarding: 'direct-route', weight: 0 }),
      expect.objectContaining({ address: '10.0.0.6', forwarding: 'tunnel', tunnel: { type: 'ipip' }, weight: 7 }),
    ]));
    const before = saved();
    ipvs.execute([native.flushServices()]);
    expect(saved()).toEqual([]);
    ipvs.execute([...services.map(native.addService), ...destinations.map((each) => native.addDestination(mark(100), each))]);
    expect(saved().sort()).toEqual(before.sort());
  });

  test('every scheduler that this kernel has', () => {
    const results = ipvs.request(native.SCHEDULER_NAMES.map((scheduler, position) => native.addService({ key: mark(position + 1), scheduler })));
    const refused = native.SCHEDULER_NAMES.filter((_, position) => results[position]?.ok === false);
    // twos is not built by every distribution (Debian 12's kernel lacks it).
    expect(refused.filter((name) => name !== 'twos')).toEqual([]);
    for (const [position, scheduler] of native.SCHEDULER_NAMES.entries()) {
      if (!refused.includes(scheduler)) expect(saved()).toContain(`-A -f ${position + 1} -s ${scheduler}`);
    }
    expect(ipvs.request([native.addService({ key: mark(99), scheduler: 'nosuch' })])).toMatchObject([{ ok: false, error: { code: 'ENOENT' } }]);
  });

  test('every forwarding method and tunnel encapsulation', () => {
    ipvs.execute([
      native.addService({ key: mark(1), scheduler: 'rr' }),
      native.addService({ key: mark(2, 'inet6'), scheduler: 'rr' }),
      native.addDestination(mark(1), { address: '10.0.0.1', port: 8080, forwarding: 'masquerade' }),
      native.addDestination(mark(1), { address: '10.0.0.2', port: 0, forwarding: 'direct-route', weight: 0 }),
      native.addDestination(mark(1), { address: '10.0.0.3', port: 0, forwarding: 'tunnel', tunnel: { type: 'ipip' }, weight: 65535 }),
      native.addDestination(mark(1), { address: '10.0.0.4', port: 0, forwarding: 'tunnel', tunnel: { type: 'gue', port: 6080, checksum: 'remote' } }),
      native.addDestination(mark(1), { address: '10.0.0.5', port: 0, forwarding: 'tunnel', tunnel: { type: 'gre', checksum: 'checksum' } }),
      native.addDestination(mark(1), { address: '127.0.0.1', port: 80, forwarding: 'local', upperThreshold: 9, lowerThreshold: 3 }),
      native.addDestination(mark(2, 'inet6'), { address: 'fd00::5', port: 80 }),
    ]);
    const printed = saved().join('\n');
    expect(printed).toContain('-r 10.0.0.1:8080 -m -w 1');
    expect(printed).toContain('-r 10.0.0.2:0 -g -w 0');
    expect(printed).toContain('-r 10.0.0.3:0 -i -w 65535');
    expect(printed).toMatch(/-r 10\.0\.0\.4:0 -i -w 1 .*gue.*6080/);
    expect(printed).toMatch(/-r 10\.0\.0\.5:0 -i -w 1 .*gre/);
    expect(printed).toContain('-r [fd00::5]:80 -m -w 1');
    expect(ipvs.destinations(mark(1)).map(({ forwarding, tunnel }) => tunnel ?? forwarding)).toEqual(expect.arrayContaining([
      'masquerade', 'direct-route', 'local', { type: 'ipip' }, { type: 'gue', port: 6080, checksum: 'remote' }, { type: 'gre', checksum: 'checksum' },
    ]));
  });

  test('a drained destination that comes back takes connections again: dockerd leaves it at weight 0', () => {
    const service = mark(0x61f90);
    ipvs.execute([native.addService({ key: service, scheduler: 'rr' }), native.addDestination(service, { address: '10.0.0.4', port: 80, weight: 0 })]);
    const again = native.addDestination(service, { address: '10.0.0.4', port: 80, weight: 1 });
    expect(ipvs.request([again])).toMatchObject([{ ok: false, error: { code: 'EEXIST', request: 'add destination 10.0.0.4:80 of fwmark 0x61f90' } }]);
    expect(ipvs.destinations(service)).toMatchObject([{ weight: 0 }]);
    const results = ipvs.ensureDestinations([4, 5].map((host) => ({ service, destination: { address: `10.0.0.${host}`, port: 80, weight: 1 } })));
    expect(results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(ipvs.destinations(service).map(({ address, weight }) => `${address} ${weight}`).sort()).toEqual(['10.0.0.4 1', '10.0.0.5 1']);
  });

  test('a service changes in place and keeps its destinations', () => {
    const service = mark(5);
    ipvs.execute([native.addService({ key: service, scheduler: 'rr' }), native.addDestination(service, { address: '10.0.0.4', port: 80 })]);
    expect(ipvs.ensureServices([{ key: service, scheduler: 'wlc', persistenceSeconds: 30 }])).toMatchObject([{ ok: true }]);
    expect(ipvs.service(service)).toMatchObject({ scheduler: 'wlc', persistenceSeconds: 30 });
    ipvs.execute([native.setService({ key: service, scheduler: 'rr' })]);
    expect(ipvs.service(service)).toMatchObject({ scheduler: 'rr', persistenceSeconds: undefined });
    expect(ipvs.destinations(service)).toHaveLength(1);
    ipvs.execute([native.deleteDestination(service, { address: '10.0.0.4', port: 80 })]);
    expect(ipvs.destinations(service)).toEqual([]);
    ipvs.execute([native.deleteService(service)]);
    expect(ipvs.service(service)).toBeUndefined();
    expect(ipvs.destinations(service)).toEqual([]);
    expect(ipvs.request([native.deleteService(service), native.setDestination(service, { address: '10.0.0.4', port: 80 })]).map((result) => !result.ok && result.error.message))
      .toEqual([expect.stringContaining('delete virtual service fwmark 0x5: the kernel refused with ESRCH'), expect.stringContaining('ESRCH')]);
  });

  test('timeouts: what we set, ipvsadm prints; what it sets, we read; what is left out stays', () => {
    ipvs.execute([native.setTimeouts({ tcpSeconds: 7800, udpSeconds: 310 })]);
    expect(tool(namespace, 'ipvsadm', '-L', '--timeout')).toMatch(/7800 \d+ 310/);
    tool(namespace, 'ipvsadm', '--set', '900', '120', '300');
    expect(ipvs.timeouts()).toEqual({ tcpSeconds: 900, tcpFinSeconds: 120, udpSeconds: 300 });
    expect(ipvs.info()).toMatchObject({ version: '1.2.1', connectionTableSize: expect.any(Number) });
  });

  test('counters move with connections, and zero', async () => {
    ipvs.execute([native.addService({ key: web, scheduler: 'rr' }), native.addDestination(web, { address: '127.0.0.1', port: 9, forwarding: 'masquerade' })]);
    await native.run('bash', ['-c', 'for n in 1 2 3; do (exec 3<>/dev/tcp/10.1.1.1/80); done; true'], { namespace, timeoutMs: 60_000 });
    await eventually(() => ipvs.service(web)?.statistics.connections === 3n);
    const [destination] = ipvs.destinations(web);
    expect(destination?.statistics.incomingPackets).toBeGreaterThanOrEqual(3n);
    expect(destination?.statistics.incomingBytes).toBeGreaterThanOrEqual(180n);
    ipvs.execute([native.zeroCounters(web)]);
    expect(ipvs.service(web)?.statistics).toMatchObject({ connections: 0n, incomingPackets: 0n });
    ipvs.execute([native.zeroCounters()]);
  });

  test('a real server is refused with a reason where the namespace never had an address', () => {
    const bare = freshNamespace('ipvs3');
    const elsewhere = native.Ipvs.open(bare);
    const [, result] = elsewhere.request([native.addService({ key: mark(1), scheduler: 'rr' }), native.addDestination(mark(1), { address: '10.0.0.4', port: 80 })]);
    expect(result).toMatchObject({ ok: false, error: { code: 'EINVAL', request: 'add destination 10.0.0.4:80 of fwmark 0x1' } });
    elsewhere.close();
    discard(bare);
  });

  test("another namespace's services are not ours", () => {
    const other = freshNamespace('ipvs2');
    const elsewhere = native.Ipvs.open(other);
    ipvs.execute([native.addService({ key: mark(1), scheduler: 'rr' })]);
    expect(elsewhere.services()).toEqual([]);
    elsewhere.close();
    discard(other);
  });

  test('hundreds of services (RMTEST_SERVICES: how many) with five real servers each: added, read back, ensured, deleted', () => {
    const SERVICES = Number(process.env.RMTEST_SERVICES ?? 500);
    const keys = Array.from({ length: SERVICES }, (_, number) => mark(number + 1));
    const destinations = keys.flatMap((service, number) => [1, 2, 3, 4, 5].map((host) => (
      { service, destination: { address: `10.${host}.${number >> 8}.${number & 255}`, port: 80 } })));
    const times: string[] = [];
    const timed = <Result>(what: string, action: () => Result): Result => {
      const started = performance.now();
      const result = action();
      times.push(`${what} ${Math.round(performance.now() - started)} ms`);
      return result;
    };
    const refused = (results: readonly native.NetlinkResult[]): number => results.filter(({ ok }) => !ok).length;
    expect(refused(timed('add services', () => ipvs.request(keys.map((key) => native.addService({ key, scheduler: 'rr' })))))).toBe(0);
    expect(refused(timed('add destinations', () => ipvs.ensureDestinations(destinations)))).toBe(0);
    expect(timed('list services', () => ipvs.services())).toHaveLength(SERVICES);
    expect(timed('list destinations', () => keys.reduce((sum, key) => sum + ipvs.destinations(key).length, 0))).toBe(5 * SERVICES);
    expect(refused(timed('ensure again', () => ipvs.ensureDestinations(destinations)))).toBe(0);
    timed('flush', () => { ipvs.execute([native.flushServices()]); });
    expect(ipvs.services()).toEqual([]);
    const rounds = 2000;
    const started = performance.now();
    for (let round = 0; round < rounds; round++) ipvs.timeouts();
    times.push(`one round trip ${Math.round((1000 * (performance.now() - started)) / rounds)} µs`);
    console.info(`${SERVICES} services x 5: ${times.join(', ')}`);
  }, 300_000);
});
