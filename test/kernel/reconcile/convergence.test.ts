/** The plan of a small node on a real kernel: built, kept, repaired, taken away. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { Change } from '../../../src/kernel/change.js';
import { cleanup } from '../../../src/kernel/cleanup.js';
import type { Engine } from '../../../src/kernel/engine.js';
import { bothDoubted, type Doubted, type DoubtedPlaces } from '../../../src/kernel/glance.js';
import { isRepair } from '../../../src/kernel/repair.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import type { Place } from '../../../src/plan/objects.js';
import { task } from '../../unit/plan/fixtures.js';
import { answers, Bed, dumps, furnish, hasIpvs, host, ip, names, sh, smallCluster, soon, taskNamespaces, told } from './bed.js';

const [task1, task2] = taskNamespaces;
// An emulated machine starts ten programs a second.
describe('a node is programmed as planned', () => {
  let bed: Bed;
  let engine: Engine;
  let plan: NodePlan;
  let before: Record<string, string>;

  beforeAll(async () => {
    bed = await Bed.make();
    // dockerd's chains, and rules of the host's owner.
    sh(host, 'iptables', '-N', 'DOCKER-USER');
    sh(host, 'iptables', '-A', 'FORWARD', '-j', 'DOCKER-USER');
    sh(host, 'iptables', '-A', 'FORWARD', '-o', 'docker0', '-j', 'ACCEPT');
    sh(host, 'iptables', '-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '-m', 'comment', '--comment', 'say "hi"', '--dport', '8081', '-j', 'REDIRECT');
    sh(host, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-s', '10.9.0.0/16', '-j', 'MASQUERADE');
    sh(task1, 'ip', 'rule', 'add', 'from', '1.2.3.4', 'lookup', '77');
    sh(task1, 'ip', 'route', 'add', '5.6.7.0/24', 'dev', 'eth0', 'table', '100');
    before = dumps();
    engine = await bed.engine();
    plan = bed.plan();
  });
  afterAll(() => {
    engine.close();
    bed.close();
  });

  const sync = async (next: NodePlan = plan): Promise<readonly Change[]> => {
    const changes = await engine.difference(next);
    const { failed, skipped } = await engine.apply(next, changes);
    expect(failed.map(({ change, error }) => `${change.place} ${change.summary}: ${error.message}`)).toEqual([]);
    expect(skipped).toEqual([]);
    return changes;
  };
  const nothingLeft = async (next: NodePlan = plan): Promise<void> => expect(told(await engine.difference(next))).toEqual([]);

  test('looking changes nothing', async () => {
    await engine.difference(plan);
    expect(dumps()).toEqual(before);
  });

  test('the second run does nothing', async () => {
    await sync();
    await nothingLeft();
  });

  test('the way of a packet is there, as ip and iptables print it', () => {
    expect(sh(task1, 'ip', 'route', 'show', 'table', '100')).toContain('default via 169.254.1.1 dev mesh0 proto 152 src 10.0.0.5 onlink');
    expect(sh(task1, 'ip', 'rule')).toContain('from 10.0.0.5 lookup 100');
    expect(sh(names.fabric, 'ip', 'route')).toMatch(/^10\.0\.0\.5 dev task-\w+ /m);
    expect(sh(names.fabric, 'iptables', '-S', 'FORWARD')).toContain('-P FORWARD DROP');
    expect(sh(host, 'iptables', '-S', 'FORWARD').split('\n').slice(1, 3)).toEqual(['-A FORWARD -j DOCKER-USER', `-A FORWARD -j ${names.chain}`]);
    expect(sh(host, 'iptables', '-t', 'nat', '-S', 'PREROUTING').split('\n')[1]).toBe(`-A PREROUTING -m addrtype --dst-type LOCAL -j ${names.chain}`);
    if (hasIpvs) expect(sh(names.sandbox, 'ipvsadm', '-Sn')).toContain(`-a -f ${0x61f90} -r 10.0.0.5:80 -m -w 1`);
  });

  test('a packet gets from the sandbox to the task and back', () => {
    expect(answers(names.sandbox, '172.30.0.1')).toBe(true);
    sh(names.fabric, 'iptables', '-I', 'FORWARD', '-p', 'tcp', '-j', 'ACCEPT');
    expect(answers(names.sandbox, '10.0.0.6')).toBe(true);
  });

  test('a restarted controller touches nothing that is right, and finds what others did meanwhile', async () => {
    engine.close();
    engine = await bed.engine();
    // A placeholder is a socket: it goes with the process that holds it.
    expect(told(await sync())).toEqual(['host: add placeholder udp/53', 'fabric: remove rule filter FORWARD -p tcp -j ACCEPT']);
    await nothingLeft();
  });

  describe('sabotage is repaired: exactly that, and as a repair', () => {
    const cases: [string, () => void, (string | RegExp)[]][] = [
      ['route of the fabric', () => ip('-n', names.fabric, 'route', 'delete', '10.0.0.5/32'), [/^fabric: add route 10\.0\.0\.5\/32 dev task-\w+$/]],
      ['foreign route, rule and address in the sandbox', () => {
        ip('-n', names.sandbox, 'route', 'add', 'blackhole', '9.9.9.9', 'metric', '5');
        ip('-n', names.sandbox, 'rule', 'add', 'fwmark', '7', 'lookup', '77');
        ip('-n', names.sandbox, 'address', 'add', '9.8.7.6/24', 'dev', 'eth0');
      }, [/remove rule 3276\d: /, /remove route 9\.9\.9\.9\/32/, /remove address 9\.8\.7\.6\/24 dev eth0/]],
      ['ip rule flush', () => ip('-n', names.sandbox, 'rule', 'flush'), [/^sandbox: add rule /, /^sandbox: add rule /]],
      ['neighbour', () => ip('-n', names.sandbox, 'neigh', 'flush', 'dev', 'eth0', 'nud', 'permanent'), [/^sandbox: add neighbour 169\.254\.1\.1/]],
      ['address of the bridge', () => ip('-n', host, 'address', 'flush', 'dev', names.gatewayBridge), [/^host: add address 172\.30\.0\.1\/24/]],
      ['task rule and table', () => {
        ip('-n', task1, 'rule', 'delete', 'from', '10.0.0.5');
        ip('-n', task1, 'route', 'delete', 'default', 'table', '100');
      }, [/^task:web1: add route default/, /^task:web1: add rule 100: from 10\.0\.0\.5 lookup 100$/]],
      ['link settings', () => ip('-n', names.sandbox, 'link', 'set', 'eth1', 'mtu', '1400', 'address', '02:00:00:00:00:99'), [/^sandbox: change link eth1 address .* mtu 1400 → 1500$/]],
      ['link down', () => ip('-n', task2, 'link', 'set', 'mesh0', 'down'), [/^task:web2: change link mesh0 down → up/, /^task:web2: add neighbour/, /^task:web2: add route default/]],
      ['bridge port taken out', () => ip('-n', host, 'link', 'set', 'mesh_gw0', 'nomaster'), [/^host: change link mesh_gw0 master none → mesh_gwbridge/]],
      ['sysctl', () => sh(names.fabric, 'sysctl', '-qw', 'net.ipv4.ip_forward=0'), [/^fabric: change sysctl net\/ipv4\/ip_forward = 1/]],
      ['loopback down', () => ip('-n', names.fabric, 'link', 'set', 'lo', 'down'), [/^fabric: change network namespace \S+: loopback up/]],
      ['iptables -P and -F in the fabric', () => {
        sh(names.fabric, 'iptables', '-P', 'FORWARD', 'ACCEPT');
        sh(names.fabric, 'iptables', '-N', 'EVIL');
        sh(names.fabric, 'iptables', '-A', 'INPUT', '-j', 'EVIL');
      }, [/change chain filter FORWARD policy ACCEPT → DROP/, /remove rule filter INPUT -j EVIL/, /remove chain filter EVIL/]],
      ['dockerd’s jump put first again', () => sh(host, 'iptables', '-t', 'nat', '-I', 'PREROUTING', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', 'ACCEPT'), [/^host: change rule nat PREROUTING .*moved back: first/]],
      ['DNAT rule deleted', () => sh(host, 'iptables', '-t', 'nat', '-D', names.chain, '-p', 'tcp', '-m', 'tcp', '--dport', '8080', '-j', 'DNAT', '--to-destination', '172.30.0.2:8080'), [/^host: add rule nat MESH-INGRESS -p tcp/]],
      ['our jump doubled', () => sh(host, 'iptables', '-A', 'FORWARD', '-j', names.chain), [/^host: change rule filter FORWARD -j MESH-INGRESS \(was there 2 times\)/]],
    ];
    const ipvsadm = (...words: string[]): string => sh(names.sandbox, 'ipvsadm', ...words);
    const web = String(0x61f90);
    const ipvsCases: typeof cases = [
      ['a weight changed by hand', () => ipvsadm('-e', '-f', web, '-r', '10.0.0.5:80', '-m', '-w', '7'), [/^sandbox: change destination 10\.0\.0\.5:80 of tcp\/8080 \(mark 0x61f90\) weight 7 → 1$/]],
      ['a real server taken out, another put in', () => {
        ipvsadm('-d', '-f', web, '-r', '10.0.0.5:80');
        ipvsadm('-a', '-f', web, '-r', '10.9.9.9:80', '-m');
      }, [/^sandbox: add destination 10\.0\.0\.5:80 .* weight 1$/, /^sandbox: remove destination 10\.9\.9\.9:80/]],
      ['forwarding by direct routing', () => ipvsadm('-e', '-f', web, '-r', '10.0.0.5:80', '-g', '-w', '1'), [/^sandbox: change destination 10\.0\.0\.5:80 .*forwarding/]],
      ['scheduler and persistence', () => ipvsadm('-E', '-f', web, '-s', 'wlc', '-p', '60'), [/^sandbox: change virtual service tcp\/8080 .* rr \(was wlc, affinity 60 s\)$/]],
      ['a foreign virtual service', () => ipvsadm('-A', '-t', '1.2.3.4:80', '-s', 'rr'), [/^sandbox: remove virtual service tcp 1\.2\.3\.4:80$/]],
      ['timeouts', () => ipvsadm('--set', '900', '120', '300'), [/^sandbox: change IPVS timeouts tcp 8000 s/]],
      ['ipvsadm -C', () => ipvsadm('-C'), [/add virtual service tcp\/8080/, /add destination 10\.0\.0\.5:80/, /add destination 10\.0\.0\.6:80/, /add virtual service udp\/53/]],
    ];
    test.each([...cases, ...(hasIpvs ? ipvsCases : [])])('%s', async (_what, sabotage, expected) => {
      sabotage();
      const changes = await sync();
      expect(told(changes)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
      expect(changes.filter((change) => !isRepair(change, plan, plan))).toEqual([]);
      await nothingLeft();
    });
  });

  test.each([
    ['a task’s end is deleted', () => ip('-n', task1, 'link', 'delete', 'mesh0')],
    ['a task’s end is renamed', () => { ip('-n', task1, 'link', 'set', 'mesh0', 'down'); ip('-n', task1, 'link', 'set', 'mesh0', 'name', 'other0'); }],
    ['a task’s end is moved to another task', () => ip('-n', task1, 'link', 'set', 'mesh0', 'netns', task2, 'name', 'stolen0')],
    ['the bridge is deleted', () => ip('-n', host, 'link', 'delete', names.gatewayBridge)],
    ['the sandbox is deleted', () => ip('netns', 'delete', names.sandbox)],
    ['the fabric is deleted', () => ip('netns', 'delete', names.fabric)],
    ['the fabric is deleted and made again by somebody', () => { ip('netns', 'delete', names.fabric); ip('netns', 'add', names.fabric); }],
    ['iptables -F everywhere', () => { for (const place of [names.sandbox, names.fabric]) for (const table of ['filter', 'nat', 'mangle']) sh(place, 'iptables', '-t', table, '-F'); sh(host, 'iptables', '-t', 'nat', '-F', names.chain); }],
  ])('one pass repairs what takes much along: %s', async (_what, sabotage) => {
    sabotage();
    expect((await sync()).length).toBeGreaterThan(0);
    await nothingLeft();
    expect(answers(names.sandbox, '172.30.0.1')).toBe(true);
  });

  describe('a look where the kernel hints at a change', () => {
    let doubted: Doubted = new Map();
    beforeAll(() => {
      engine.watch((_what, more) => { doubted = bothDoubted(doubted, more); });
    });
    const network = (...where: Place[]): DoubtedPlaces => new Map(where.map((place) => [place, new Set(['rtnetlink'] as const)]));
    const otherEnd = (where: Place): DoubtedPlaces => new Map([[where, new Set(['cable'] as const)]]);
    const filter = (where: Place): DoubtedPlaces => new Map([[where, new Set(['nftables'] as const)]]);

    const cases: [string, () => void, DoubtedPlaces][] = [
      ['a route of the fabric', () => ip('-n', names.fabric, 'route', 'delete', '10.0.0.5/32'), network('fabric')],
      ['the sandbox’s rules', () => ip('-n', names.sandbox, 'rule', 'flush'), network('sandbox')],
      ['the bridge’s address', () => ip('-n', host, 'address', 'flush', 'dev', names.gatewayBridge), network('host')],
      ['a task’s end that is down', () => ip('-n', task2, 'link', 'set', 'mesh0', 'down'), new Map([...network('fabric'), ...otherEnd(`task:${task('web', 2).id}`)])],
      ['a task’s end that is deleted', () => ip('-n', task1, 'link', 'delete', 'mesh0'), new Map([...network('fabric'), ...otherEnd(`task:${task('web', 1).id}`)])],
      ['the bridge that is deleted', () => ip('-n', host, 'link', 'delete', names.gatewayBridge), network('host')],
      ['a chain that is flushed', () => sh(names.fabric, 'iptables', '-F', 'FORWARD'), filter('fabric')],
      ['a DNAT rule', () => sh(host, 'iptables', '-t', 'nat', '-F', names.chain), filter('host')],
    ];
    test.each(cases)('finds all that a look at everything would, and heals it: %s', async (_what, sabotage, where) => {
      doubted = new Map();
      sabotage();
      await soon(() => { expect(bothDoubted(doubted, where)).toEqual(doubted); });
      const glanced = await engine.difference(plan, undefined, { doubted: where, known: plan });
      expect(glanced.length).toBeGreaterThan(0);
      expect(told(glanced)).toEqual(told(await engine.difference(plan)));
      expect(glanced.filter((change) => !isRepair(change, plan, plan))).toEqual([]);
      expect((await engine.apply(plan, glanced)).failed).toEqual([]);
      await nothingLeft();
    });

    test('looks nowhere else: what gives no hint there is left to the next look at everything', async () => {
      sh(names.fabric, 'sysctl', '-qw', 'net.ipv4.ip_forward=0');
      const elsewhere = bothDoubted(network('host', 'sandbox'), filter('fabric'));
      expect(elsewhere).not.toBe('everywhere');
      expect(await engine.difference(plan, undefined, { doubted: elsewhere as DoubtedPlaces, known: plan })).toEqual([]);
      expect(told(await sync())).toEqual([expect.stringMatching(/^fabric: change sysctl/)]);
    });

    test('programs what is new elsewhere all the same', async () => {
      const state = smallCluster();
      const fewer = bed.plan({ ...state, services: state.services.slice(0, 1) });
      const changes = await engine.difference(fewer, undefined, { doubted: network('sandbox'), known: plan });
      expect(told(changes)).toEqual(told(await engine.difference(fewer)));
      await sync();
    });
  });

  test('counters of rules that stay are kept when others come and go', async () => {
    answers(names.sandbox, '172.30.0.1');
    const counters = (): string => /\[(\d+):\d+\] -A PREROUTING -m addrtype/.exec(sh(host, 'iptables-save', '-c', '-t', 'nat'))?.[1] ?? '';
    const counted = counters();
    expect(Number(counted)).toBeGreaterThan(0);
    const state = smallCluster();
    const fewer = bed.plan({ ...state, services: state.services.slice(0, 1) });
    await sync(fewer);
    await nothingLeft(fewer);
    expect(counters()).toBe(counted);
    await sync();
  });

  test('a task that ends while its cable is being laid gets no weight: what IPVS was told at once stays, and no look finds anything to mend', async () => {
    const state = smallCluster();
    const fewer = bed.plan({ ...state, tasks: state.tasks.slice(1) });
    const ending = bed.plan({ ...state, tasks: state.tasks.map((one, index) => (index === 0 ? { ...one, weight: 0 } : one)) });
    await sync(fewer);
    const applying = engine.apply(plan, engine.differenceFrom(fewer, plan));
    expect(engine.applyAtOnce(engine.ipvsDifferenceFrom(fewer, ending)).length > 0).toBe(hasIpvs);
    await applying;
    await nothingLeft(ending);
    await sync();
  });

  test('a task that is not planned any more keeps nothing of ours, and its own things', async () => {
    const state = smallCluster();
    const fewer = bed.plan({ ...state, tasks: state.tasks.slice(1) });
    await sync(fewer);
    await nothingLeft(fewer);
    expect(sh(task1, 'ip', 'link')).not.toContain('mesh0');
    expect(sh(task1, 'ip', 'rule')).toBe(before[`${task1} rules`]);
    expect(sh(task1, 'ip', 'route', 'show', 'table', 'all')).toBe(before[`${task1} routes`]);
    await sync();
  });

  test('what a removed task had is found by a new controller too', async () => {
    const state = smallCluster();
    engine.close();
    engine = await bed.engine();
    await sync(bed.plan({ ...state, tasks: state.tasks.slice(1) }));
    expect(sh(task1, 'ip', 'rule')).toBe(before[`${task1} rules`]);
    expect(sh(task1, 'ip', 'route', 'show', 'table', 'all')).toBe(before[`${task1} routes`]);
    await sync();
  });

  test('a rule that iptables refuses keeps no other from being applied', async () => {
    const bad = { ...plan, places: plan.places.map((place) => (place.place === 'host' ? { ...place, iptables: { ...place.iptables, chains: place.iptables.chains.map((chain) => ({ ...chain, rules: [['-p', 'tcp', '-m', 'nosuchmatch', '-j', 'ACCEPT'], ['-j', 'evil\nCOMMIT'], ...chain.rules, ['-p', 'icmp', '-j', 'ACCEPT']] })) } } : place)) };
    const { failed } = await engine.apply(bad, await engine.difference(bad));
    expect(failed.map(({ change }) => change.summary.split(' ').slice(0, 3).join(' ')).sort()).toEqual(
      ['rule filter MESH-INGRESS', 'rule filter MESH-INGRESS-PEERS', 'rule nat MESH-INGRESS'].flatMap((refused) => [refused, refused]),
    );
    expect(sh(host, 'iptables', '-S', names.chain)).toContain('-A MESH-INGRESS -p icmp -j ACCEPT');
    await sync();
    await nothingLeft();
  });

  test('a task that vanishes between look and apply is no failure', async () => {
    ip('-n', names.fabric, 'link', 'delete', /task-web2\w*/.exec(ip('-n', names.fabric, '-o', 'link'))?.[0] ?? '');
    const changes = await engine.difference(plan);
    ip('netns', 'delete', task2);
    const { failed, skipped } = await engine.apply(plan, changes);
    expect(failed.map(({ change, error }) => `${change.place} ${change.summary}: ${error.message}`)).toEqual([]);
    expect(skipped.length).toBeGreaterThan(0);
    ip('netns', 'add', task2);
    furnish(task2, 'eth0', '10.0.0.6/24');
    before = { ...before, ...Object.fromEntries(Object.entries(dumps()).filter(([key]) => key.startsWith(task2))) };
    await sync();
    await nothingLeft();
  });

  test('cleanup leaves the node as it was, twice', async () => {
    engine.close();
    const { removed, failed } = await cleanup(bed.options);
    expect(failed).toEqual([]);
    expect(removed.length).toBeGreaterThan(10);
    sh(host, 'iptables', '-t', 'nat', '-D', 'PREROUTING', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', 'ACCEPT');
    expect(dumps()).toEqual(before);
    expect(ip('netns', 'list')).not.toContain(names.fabric);
    expect(await cleanup(bed.options)).toEqual({ removed: [], failed: [] });
    engine = await bed.engine();
  });
});
