/** The same small node with sets in place of rules: built, kept, repaired, switched, taken away; and packets pass. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { cleanup } from '../../../src/kernel/cleanup.js';
import type { Change } from '../../../src/kernel/change.js';
import type { Engine } from '../../../src/kernel/engine.js';
import { isRepair } from '../../../src/kernel/repair.js';
import { plan as planOf } from '../../../src/plan/plan.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { cluster, contextFor, port, service, task } from '../../unit/plan/fixtures.js';
import { Bed, hasIpvs, host, names, sh, smallCluster, taskNamespaces, told, withoutIpvs } from './bed.js';

describe('a node whose rules ask sets', () => {
  let bed: Bed;
  let engine: Engine;
  let plan: NodePlan;

  /** As the bed's, matching by sets from `setsFrom` ports on. */
  const planned = (setsFrom: number | null, state = smallCluster()): NodePlan => {
    const localTasks = new Map(state.tasks.map(({ id, identity }) => [id, { path: `/run/netns/${taskNamespaces[Number(identity.address.split('.')[3]) - 5] ?? ''}`, device: 'eth0' }]));
    const whole = planOf(state, contextFor(state, { settings: { ...bed.settings, setsFrom }, localTasks, whyNoSets: null }));
    return hasIpvs ? whole : withoutIpvs(whole);
  };
  const sync = async (next: NodePlan): Promise<readonly Change[]> => {
    const changes = await engine.difference(next);
    const { failed } = await engine.apply(next, changes);
    expect(failed.map(({ change, error }) => `${change.place} ${change.summary}: ${error.message}`)).toEqual([]);
    return changes;
  };
  const nothingLeft = async (next: NodePlan): Promise<void> => expect(told(await engine.difference(next))).toEqual([]);
  const portSet = (namespace: string): string => sh(namespace, 'ipset', 'save', 'mesh-tcp');

  beforeAll(async () => {
    bed = await Bed.make();
    engine = await bed.engine();
    plan = planned(1);
  });
  afterAll(() => {
    engine.close();
    bed.close();
  });

  test('this machine has sets', async () => {
    expect(await engine.whyNoSets()).toBeNull();
  });

  test('the second run does nothing, and the sets hold what is published', async () => {
    await sync(plan);
    await nothingLeft(plan);
    expect(portSet(host)).toContain('add mesh-tcp 8080');
    expect(portSet(names.sandbox)).toContain('add mesh-tcp 8080 skbmark 0x61f90');
    expect(sh(names.fabric, 'ipset', 'save', 'mesh-targets')).toContain('add mesh-targets 10.0.0.6,tcp:80');
    expect(sh(host, 'iptables', '-t', 'nat', '-S', names.chain)).not.toContain('8080');
  });

  const greet = (): string => {
    // Answers each connection with a word; the client is the host's own namespace, by its own address.
    const server = `use Socket; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in(80, INADDR_ANY)) or die; listen(S, 5); open(F, ">/tmp/rmtest-listens"); close(F); accept(C, S); syswrite(C, "hello\\n"); close(C);`;
    return sh(host, 'bash', '-c', `rm -f /tmp/rmtest-listens
      for task in ${taskNamespaces.join(' ')}; do nsenter --net=/run/netns/$task timeout 20 perl -e '${server}' >/dev/null 2>&1 & done
      for try in $(seq 100); do [ -e /tmp/rmtest-listens ] && break; sleep 0.1; done; sleep 0.5
      timeout 10 bash -c 'exec 3<>/dev/tcp/192.168.56.11/8080; head -n 1 <&3' || true; kill $(jobs -p) 2>/dev/null; true`).trim();
  };

  (hasIpvs ? test : test.failing)('a connection gets from the node’s port to a task', () => {
    expect(greet()).toBe('hello');
  });

  test('an endpoint that goes and comes back changes members, and no rule', async () => {
    const fewer = planned(1, { ...smallCluster(), tasks: smallCluster().tasks.slice(0, 1) });
    const gone = engine.differenceFrom(plan, fewer).filter(({ kind }) => kind === 'set' || kind === 'iptables');
    expect(told(gone)).toEqual(['fabric: remove member 10.0.0.6,tcp:80 of set mesh-targets']);
    expect(told(engine.differenceFrom(fewer, plan).filter(({ kind }) => kind === 'set' || kind === 'iptables'))).toEqual(['fabric: add member 10.0.0.6,tcp:80 of set mesh-targets']);
    await sync(fewer);
    await nothingLeft(fewer);
    await sync(plan);
    await nothingLeft(plan);
  });

  describe('sabotage is repaired, and as a repair', () => {
    const cases: [string, () => void, string[]][] = [
      ['ipset flush', () => sh(host, 'ipset', 'flush', 'mesh-tcp'), ['host: add member 8080 of set mesh-tcp']],
      ['a member taken out', () => sh(names.fabric, 'ipset', 'del', 'mesh-targets', '10.0.0.5,tcp:80'), ['fabric: add member 10.0.0.5,tcp:80 of set mesh-targets']],
      ['a member put in', () => sh(names.fabric, 'ipset', 'add', 'mesh-targets', '10.9.9.9,udp:53'), ['fabric: remove member 10.9.9.9,udp:53 of set mesh-targets']],
      ['another mark', () => sh(names.sandbox, 'ipset', 'add', '-exist', 'mesh-tcp', '8080', 'skbmark', '0x1'), ['sandbox: change member 8080 (mark 0x61f90) of set mesh-tcp']],
      ['ipset destroy', () => {
        sh(names.sandbox, 'iptables', '-t', 'mangle', '-F');
        sh(names.sandbox, 'bash', '-c', 'for try in $(seq 50); do ipset destroy && break; sleep 0.1; done');
      }, ['sandbox: add set mesh-tcp (bitmap:port, with marks) with 1 member', 'sandbox: add set mesh-udp (bitmap:port, with marks) with 1 member',
        'sandbox: add rule mangle PREROUTING -i eth1 -p tcp -j SET --map-set mesh-tcp dst --map-mark', 'sandbox: add rule mangle PREROUTING -i eth1 -p udp -j SET --map-set mesh-udp dst --map-mark']],
      ['a set with other options swapped in under the rules', () => {
        sh(host, 'ipset', 'create', 'narrow', 'bitmap:port', 'range', '0-1023');
        sh(host, 'ipset', 'swap', 'narrow', 'mesh-tcp');
        sh(host, 'ipset', 'destroy', 'narrow');
      }, ['host: change set mesh-tcp (bitmap:port) with 1 member (was set mesh-tcp (bitmap:port, with other options))']],
      ['a set of another type in its place', () => {
        sh(names.fabric, 'iptables', '-F', 'FORWARD');
        sh(names.fabric, 'bash', '-c', 'for try in $(seq 50); do ipset destroy mesh-targets && break; sleep 0.1; done');
        sh(names.fabric, 'ipset', 'create', 'mesh-targets', 'hash:mac');
      }, ['fabric: change set mesh-targets (hash:ip,port) with 2 members (was set mesh-targets (hash:mac, with other options))', 'fabric: add rule filter FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', 'fabric: add rule filter FORWARD -i sbox0 -o task-+ -m set --match-set mesh-targets dst,dst -j ACCEPT']],
    ];
    test.each(cases)('%s', async (_what, sabotage, expected) => {
      sabotage();
      const changes = await engine.difference(plan);
      expect(told(changes).sort()).toEqual([...expected].sort());
      expect(changes.every((change) => isRepair(change, plan, plan))).toBe(true);
      await sync(plan);
      await nothingLeft(plan);
    });
  });

  test('sets of others stay', async () => {
    sh(host, 'ipset', 'create', 'mesh-theirs', 'hash:ip');
    await nothingLeft(plan);
  });

  test('both forms become each other, and nothing of the other is left', async () => {
    const byRule = planned(3);
    const changes = await sync(byRule);
    await nothingLeft(byRule);
    expect(changes.some(({ summary }) => summary.includes('--dport 8080'))).toBe(true);
    expect(sh(host, 'ipset', 'list', '-n').trim()).toBe('mesh-theirs');
    await sync(plan);
    await nothingLeft(plan);
  });

  test('many ports: the rules do not grow', async () => {
    const many = (count: number) => cluster({ services: [service('web', Array.from({ length: count }, (_, index) => port(10_000 + index, 80)))], tasks: [task('web', 1), task('web', 2)] });
    const [small, large] = [planned(1, many(2)), planned(1, many(2_000))];
    const rules = (whole: NodePlan): number => whole.places.flatMap(({ iptables }) => iptables.chains).reduce((sum, chain) => sum + chain.rules.length, 0);
    expect(rules(large)).toBe(rules(small));
    await sync(large);
    await nothingLeft(large);
    await sync(plan);
  });

  test('cleanup takes them away, and what is somebody’s stays', async () => {
    engine.close();
    const { failed } = await cleanup(bed.options);
    expect(failed).toEqual([]);
    expect(sh(host, 'ipset', 'list', '-n').trim()).toBe('mesh-theirs');
    engine = await bed.engine();
  });
});
