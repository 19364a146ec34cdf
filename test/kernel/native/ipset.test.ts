/** Sets over netlink, beside ipset(8)'s word. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { addEntries, createSet, deleteEntries, destroySet, initialise, IpSets, renameSet, swapSets, type NetworkNamespace, type NewIpSet } from '../../../native/index.js';
import { discard, freshNamespace, tool } from './laboratory.js';

const ports: NewIpSet = { name: 'ports', type: 'bitmap:port', withMarks: true, expected: 0 };
const endpoints: NewIpSet = { name: 'endpoints', type: 'hash:ip,port', withMarks: false, expected: 5_000 };
const addresses: NewIpSet = { name: 'addresses', type: 'hash:ip', withMarks: false, expected: 0 };

describe('sets', () => {
  let namespace: NetworkNamespace;
  let sets: IpSets;

  beforeAll(async () => {
    await initialise();
    namespace = freshNamespace('sets');
    sets = IpSets.open(namespace);
  });
  afterAll(() => {
    sets.close();
    discard(namespace);
  });
  const saved = (name: string): string[] => tool(namespace, 'ipset', 'save', name).trim().split('\n').slice(1).sort();

  test('ipset(8) lists what was added, and we read what ipset(8) added', () => {
    sets.execute([ports, endpoints, addresses].map(createSet));
    sets.execute([
      ...addEntries(ports, [{ port: 8080, mark: 0x61f90 }, { port: 443, mark: 0x601bb }]),
      ...addEntries(endpoints, [{ address: '10.0.0.5', protocol: 132, port: 80 }]),
      ...addEntries(addresses, [{ address: '10.0.0.5' }]),
    ]);
    expect(saved('ports')).toEqual(['add ports 443 skbmark 0x601bb', 'add ports 8080 skbmark 0x61f90']);
    expect(saved('endpoints')).toEqual(['add endpoints 10.0.0.5,sctp:80']);
    expect(saved('addresses')).toEqual(['add addresses 10.0.0.5']);

    tool(namespace, 'ipset', 'add', 'endpoints', '10.0.0.6,udp:53');
    tool(namespace, 'ipset', 'add', 'ports', '53', 'skbmark', '0x5/0xff');
    expect(sets.find('endpoints')?.entries).toContainEqual({ address: '10.0.0.6', protocol: 17, port: 53 });
    expect(sets.find('ports')).toMatchObject({ type: 'bitmap:port', withMarks: true, isPlain: true });
    expect(sets.find('ports')?.entries).toContainEqual({ port: 53, mark: -1 });
    expect(sets.names().sort()).toEqual(['addresses', 'endpoints', 'ports']);
    expect(sets.find('nobody')).toBeUndefined();
  });

  test('what is there already gets its mark, and what is not there is passed over', () => {
    sets.execute([...addEntries(ports, [{ port: 53, mark: 0x110035 }, { port: 8080, mark: 0x61f90 }]), ...deleteEntries(ports, [{ port: 443 }, { port: 444 }])]);
    expect(saved('ports')).toEqual(['add ports 53 skbmark 0x110035', 'add ports 8080 skbmark 0x61f90']);
  });

  test('tens of thousands of entries go and come in few messages', () => {
    const many = Array.from({ length: 50_000 }, (_, index) => ({ address: `10.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`, protocol: 6, port: 80 }));
    const messages = addEntries(endpoints, many);
    expect(messages.length).toBeLessThan(30);
    sets.execute(messages);
    expect(sets.find('endpoints')?.entries).toHaveLength(50_002);
    sets.execute(deleteEntries(endpoints, many));
    expect(sets.find('endpoints')?.entries).toHaveLength(2);
  });

  test('refusals say what is the matter', () => {
    expect(() => { sets.execute([createSet(ports)]); }).toThrow(/create set ports.*EEXIST/);
    tool(namespace, 'iptables', '-A', 'INPUT', '-p', 'tcp', '-m', 'set', '--match-set', 'ports', 'dst', '-j', 'DROP');
    expect(() => { sets.execute([destroySet('ports')]); }).toThrow(/in use by a rule/);
    const [refused] = sets.request(addEntries(ports, [{ port: 80 }].map((entry) => ({ ...entry, mark: 1 }))));
    expect(refused?.ok).toBe(true);
    expect(() => { sets.execute(addEntries({ ...endpoints, name: 'nobody' }, [{ address: '10.0.0.1', protocol: 6, port: 1 }])); }).toThrow(/add 1 entry of set nobody/);
  });

  test('a set takes another’s place, under a rule, at once', () => {
    sets.execute([createSet({ ...ports, name: 'spare' }), ...addEntries({ ...ports, name: 'spare' }, [{ port: 1, mark: 1 }]), swapSets('spare', 'ports'), destroySet('spare')]);
    expect(saved('ports')).toEqual(['add ports 1 skbmark 0x1']);
    expect(() => { sets.execute([swapSets('ports', 'addresses')]); }).toThrow(/different types/);
    sets.execute([renameSet('addresses', 'renamed')]);
    expect(sets.names().sort()).toEqual(['endpoints', 'ports', 'renamed']);
  });

  test('sets of other options are told apart', () => {
    tool(namespace, 'ipset', 'create', 'timed', 'hash:ip', 'timeout', '60');
    tool(namespace, 'ipset', 'create', 'narrow', 'bitmap:port', 'range', '0-1023');
    expect(['timed', 'narrow', 'ports', 'endpoints'].map((name) => sets.find(name)?.isPlain)).toEqual([false, false, true, true]);
  });
});
