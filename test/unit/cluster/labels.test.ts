import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readLabels } from '../../../src/cluster/labels.js';
import { defaultPortPolicy } from '../../../src/cluster/policy.js';
import { policyOfPort, problemsOfOverrides, problemsOfUdp } from '../../../src/cluster/policy-grammar/service-policy.js';

const served = { enabled: true, publish: [], network: null, policy: defaultPortPolicy, overrides: [], problems: [] };

describe('labels that are right', () => {
  test('a service without labels is served with the defaults, so that nobody must learn them', () => {
    expect(readLabels({ 'com.docker.stack.namespace': 'shop' })).toEqual(served);
  });

  test('every built key reaches the policy, so that no wish is lost', () => {
    const policy = readLabels({
      'routemesh.enabled': 'true',
      'routemesh.publish': '8080:80',
      'routemesh.network': 'shop_front',
      'routemesh.source-ip': 'snat',
      'routemesh.scheduler': 'wlc',
      'routemesh.affinity': '600',
      'routemesh.drain': '1m30s',
      'routemesh.udp': 'one-packet',
    });

    expect(policy).toEqual({
      ...served,
      publish: [{ protocol: 'tcp', published: 8080, target: 80 }],
      network: 'shop_front',
      policy: { sourceAddress: 'snat', scheduler: 'wlc', affinitySeconds: 600, drainMilliseconds: 90_000, udp: 'one-packet' },
    });
  });

  test('enabled=false leaves the service to dockerd', () => {
    expect(readLabels({ 'routemesh.enabled': 'false' }).enabled).toBe(false);
  });

  test('a key for one port changes that port only, the key for its protocol winning', () => {
    const policy = readLabels({
      'routemesh.scheduler': 'lc',
      'routemesh.53.scheduler': 'sh',
      'routemesh.53/udp.scheduler': 'rr',
      'routemesh.53/udp.drain': '0s',
    });

    expect(policy.problems).toEqual([]);
    expect(policyOfPort(policy, 'tcp', 80)?.scheduler).toBe('lc');
    expect(policyOfPort(policy, 'tcp', 53)?.scheduler).toBe('sh');
    expect(policyOfPort(policy, 'udp', 53)).toEqual({ ...defaultPortPolicy, scheduler: 'rr', drainMilliseconds: 0 });
  });

  test('enabled=false for one port leaves that port to dockerd and serves the others', () => {
    const policy = readLabels({ 'routemesh.8080.enabled': 'false' });

    expect(policyOfPort(policy, 'tcp', 8080)).toBeNull();
    expect(policyOfPort(policy, 'tcp', 8081)).toEqual(defaultPortPolicy);
  });
});

describe('labels that are wrong', () => {
  test.each([
    ['routemesh.enabled', 'yes', 'BadPolicy', 'expected true or false, got "yes"; it is served, the default'],
    ['routemesh.source-ip', 'snatt', 'BadPolicy', 'Did you mean "snat"?'],
    ['routemesh.scheduler', 'RR', 'BadPolicy', 'rr is used, the default'],
    ['routemesh.affinity', '10m', 'BadPolicy', 'there is no affinity'],
    ['routemesh.affinity', '0', 'BadPolicy', 'whole seconds from 1'],
    ['routemesh.drain', '30', 'BadPolicy', 'a duration'],
    ['routemesh.drain', '-1s', 'BadPolicy', 'a duration'],
    ['routemesh.drain', '', 'BadPolicy', 'got ""'],
    ['routemesh.drain', '25h', 'BadPolicy', 'to 24h'],
    ['routemesh.network', 'a b', 'BadPolicy', 'the name of an overlay network'],
    ['routemesh.publish', '', 'BadPolicy', 'it is not published'],
    ['routemesh.publish', '80', 'BadPolicy', 'PUBLISHED:TARGET'],
    ['routemesh.publish', '0:80', 'BadPolicy', 'from 1 to 65535'],
    ['routemesh.publish', '70000:80', 'BadPolicy', 'from 1 to 65535'],
    ['routemesh.publish', '080:80', 'BadPolicy', 'from 1 to 65535'],
    ['routemesh.publish', '8080:80/icmp', 'BadPolicy', 'tcp, udp, sctp'],
    ['routemesh.publish', '90-80:90-80', 'BadPolicy', 'the lower one first'],
    ['routemesh.publish', '80-90:80', 'BadPolicy', 'as many target ports'],
    ['routemesh.publish', '1-65535:1-65535', 'BadPolicy', 'at most 1024 ports'],
    ['routemesh.udp', 'two-packet', 'BadPolicy', 'flow, one-packet'],
    ['routemesh.weight', '3', 'UnsupportedPolicy', 'every task has weight 1'],
    ['routemesh.weight', '65536', 'BadPolicy', 'from 1 to 65535'],
    ['routemesh.bind', '192.168.56.0/24,eth1,fd00::1', 'UnsupportedPolicy', 'open on every local address'],
    ['routemesh.bind', '192.168.56.0/33', 'BadPolicy', 'addresses, CIDRs and interface names'],
    ['routemesh.allow', '10.0.0.0/8, fd00::/8', 'UnsupportedPolicy', 'every client may reach the port'],
    ['routemesh.allow', '010.0.0.1', 'BadPolicy', 'addresses and CIDRs'],
    ['routemesh.prefer', 'local', 'UnsupportedPolicy', 'used alike'],
    ['routemesh.prefer', 'near', 'BadPolicy', 'any, local'],
    ['routemesh.nodes', 'node.labels.edge==true,node.role != manager', 'UnsupportedPolicy', 'every node accepts'],
    ['routemesh.nodes', 'edge', 'BadPolicy', 'constraints as of Swarm'],
    ['routemesh.pulbish', '80:80', 'UnsupportedPolicy', 'Did you mean "publish"?'],
    ['routemesh.8080.network', 'x', 'BadPolicy', 'for the whole service'],
    ['routemesh.8080.shceduler', 'rr', 'UnsupportedPolicy', 'Did you mean "scheduler"?'],
    ['routemesh.8080/tpc.drain', '1s', 'UnsupportedPolicy', 'routemesh.PORT[/PROTO].KEY'],
    ['routemesh.0.drain', '1s', 'UnsupportedPolicy', 'routemesh.PORT[/PROTO].KEY'],
    ['routemesh.70000.drain', '1s', 'UnsupportedPolicy', 'routemesh.PORT[/PROTO].KEY'],
    ['RouteMesh.publish', '80:80', 'UnsupportedPolicy', 'Did you mean "routemesh.publish"?'],
    ['routemesh', 'x', 'UnsupportedPolicy', 'there is no such label'],
    ['routemesh.', 'x', 'UnsupportedPolicy', 'there is no such key'],
    ['routemesh.__proto__', 'x', 'UnsupportedPolicy', 'there is no such key'],
  ])('%s=%s is told, and the service is served all the same', (name, value, reason, words) => {
    const { problems, ...rest } = readLabels({ [name]: value });

    expect(problems).toHaveLength(1);
    expect(problems[0]?.reason).toBe(reason);
    expect(problems[0]?.message).toContain(words);
    expect({ ...rest, problems: [] }).toEqual(served);
  });

  test('one bad port of a list does not take the others down', () => {
    const policy = readLabels({ 'routemesh.publish': '8080:80, 0:1,9000-9001:90-91/udp' });

    expect(policy.publish).toEqual([
      { protocol: 'tcp', published: 8080, target: 80 },
      { protocol: 'udp', published: 9000, target: 90 },
      { protocol: 'udp', published: 9001, target: 91 },
    ]);
    expect(policy.problems).toHaveLength(1);
  });

  test('a port that is published twice keeps its first target, and the second is told', () => {
    const policy = readLabels({ 'routemesh.publish': '8080:80,8080:81,8080:80' });

    expect(policy.publish).toEqual([{ protocol: 'tcp', published: 8080, target: 80 }]);
    expect(policy.problems.map(({ message }) => message).join()).toContain('tcp/8080 goes to 80 already');
  });

  test('a key for a port that is not published is told: most often the target port was meant', () => {
    const policy = readLabels({ 'routemesh.80.drain': '1s', 'routemesh.8080/udp.drain': '1s', 'routemesh.8080.drain': '2s' });

    const messages = problemsOfOverrides(policy, [{ protocol: 'tcp', published: 8080, target: 80 }]).map(({ message }) => message);

    expect(messages).toEqual([expect.stringContaining('got 80;'), expect.stringContaining('got 8080/udp;')]);
  });

  test('one-packet where no datagram will ever come is told, for the service and for a port', () => {
    const tcp = { protocol: 'tcp', published: 8080, target: 80 } as const;
    const udp = { protocol: 'udp', published: 53, target: 53 } as const;
    const problems = (labels: Record<string, string>, ports: Parameters<typeof problemsOfUdp>[1]) => problemsOfUdp(readLabels(labels), ports).map(({ message }) => message);

    expect(problems({ 'routemesh.udp': 'one-packet' }, [tcp])).toEqual([expect.stringContaining('no effect')]);
    expect(problems({ 'routemesh.8080.udp': 'one-packet' }, [tcp, udp])).toEqual([expect.stringContaining('"routemesh.8080.udp"')]);
    expect(problems({ 'routemesh.udp': 'one-packet', 'routemesh.53.udp': 'one-packet' }, [tcp, udp])).toEqual([]);
  });

  test.each(['80:80\n', '80:80 -j ACCEPT', '"; rm -rf /', `${'9'.repeat(10_000)}`, '80:80\u202e', '\ud800', '$(reboot):80'])(
    'dangerous words %j stay words: quoted, short, on one line',
    (value) => {
      const { publish, problems } = readLabels({ 'routemesh.publish': value });

      expect(publish).toEqual([]);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.message.length).toBeLessThan(500);
      expect(problems[0]?.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    },
  );

  test('ten thousand bad labels make a readable list, not ten thousand conditions', () => {
    const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`routemesh.x${n}`, 'y']));

    const { problems } = readLabels(labels);

    expect(problems).toHaveLength(21);
    expect(problems.at(-1)?.message).toContain('9980 more');
  });
});

test('no label of any kind makes the source fail or say an unprintable word', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.constantFrom('routemesh.', 'routemesh.8080.', 'routemesh.8080/udp.'), fc.oneof(fc.string(), fc.constantFrom('publish', 'drain', 'bind', 'nodes'))).map((parts) => parts.join('')),
  );
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 6000 }), fc.stringMatching(/^[\d:,/\-tcp ]{0,40}$/), fc.anything());
  fc.assert(
    fc.property(fc.dictionary(name, value), (labels) => {
      const { publish, problems, policy, overrides, enabled, network } = readLabels(labels);

      expect(typeof enabled).toBe('boolean');
      expect(network === null || /^[\w.-]+$/.test(network)).toBe(true);
      for (const one of [policy, ...overrides.map((override) => ({ ...policy, ...override.policy }))]) {
        expect(Number.isInteger(one.drainMilliseconds)).toBe(true);
        expect(one.affinitySeconds === null || one.affinitySeconds > 0).toBe(true);
      }
      for (const { published, target } of publish) expect(Math.min(published, target) >= 1 && Math.max(published, target) <= 65535).toBe(true);
      for (const { message } of problems) expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 300 },
  );
});
