/** Each kind's diff: what is noticed, and how a person reads it. */
import { describe, expect, test } from '@jest/globals';

import { differenceOf } from '../../../src/kernel/difference.js';
import type { ObservedVirtualService, PlaceState } from '../../../src/kernel/state.js';
import type { Place } from '../../../src/plan/objects.js';
import { meddled, planOf, state, web1, web1Cable } from './states.js';

const plan = planOf();

function differences(place: Place, meddle: (state: PlaceState) => Partial<PlaceState>): string[] {
  return differenceOf(plan.places, meddled(plan, place, meddle)).map(({ place: where, action, summary }) => `${where}: ${action} ${summary}`);
}

const services = (meddle: (service: ObservedVirtualService) => ObservedVirtualService | null) => (state: PlaceState) => ({
  ipvs: state.ipvs === null ? null : { ...state.ipvs, services: state.ipvs.services.flatMap((service) => meddle(service) ?? []) },
});
const isWeb = ({ key }: ObservedVirtualService): boolean => key.kind === 'fwmark' && key.fwmark === 0x61f90;

describe('ipvs', () => {
  test.each<[string, Parameters<typeof services>[0], string[]]>([
    ['a weight changed by hand', (one) => (isWeb(one) ? { ...one, destinations: one.destinations.map((server) => ({ ...server, weight: 9 })) } : one), ['sandbox: change destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 9 → 1', 'sandbox: change destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight 9 → 1']],
    ['another forwarding method', (one) => (isWeb(one) ? { ...one, destinations: one.destinations.map((server, index) => ({ ...server, odd: index === 0 })) } : one), ['sandbox: change destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1 (forwarding or thresholds were changed)']],
    ['a foreign real server', (one) => (isWeb(one) ? { ...one, destinations: [...one.destinations, { address: '1.2.3.4', port: 80, weight: 1 }] } : one), ['sandbox: remove destination 1.2.3.4:80 of tcp/8080 (mark 0x61f90)']],
    ['a virtual service deleted: it comes with its real servers', (one) => (isWeb(one) ? null : one), ['sandbox: add virtual service tcp/8080 (mark 0x61f90) rr', 'sandbox: add destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1', 'sandbox: add destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight 1']],
    ['a foreign virtual service', (one) => (isWeb(one) ? one : { ...one, key: { kind: 'address', protocol: 'tcp', address: '9.9.9.9', port: 1 } }), ['sandbox: add virtual service udp/53 (mark 0x110035) rr', 'sandbox: add destination 10.0.0.7:5353 of udp/53 (mark 0x110035) weight 1', 'sandbox: remove virtual service tcp 9.9.9.9:1']],
    ['scheduler and affinity', (one) => (isWeb(one) ? { ...one, scheduler: 'wlc', affinitySeconds: 60 } : one), ['sandbox: change virtual service tcp/8080 (mark 0x61f90) rr (was wlc, affinity 60 s)']],
    ['one-packet scheduling, which scatters a flow over all tasks', (one) => (isWeb(one) ? one : { ...one, onePacket: true }), ['sandbox: change virtual service udp/53 (mark 0x110035) rr (was rr, one packet)']],
  ])('%s', (_what, meddle, expected) => {
    expect(differences('sandbox', services(meddle))).toEqual(expected);
  });

  test('timeouts', () => {
    expect(differences('sandbox', (one) => ({ ipvs: one.ipvs === null ? null : { ...one.ipvs, timeouts: { tcp: 900, tcpFin: 120, udp: 300 } } }))).toEqual([
      'sandbox: change IPVS timeouts tcp 8000 s, tcp-fin 120 s, udp 300 s (was tcp 900 s, tcp-fin 120 s, udp 300 s)',
    ]);
  });
});

describe('links', () => {
  test.each<[string, Place, (link: PlaceState['link'][number]) => PlaceState['link'][number] | null, RegExp[]]>([
    ['one end is gone: the pair is made again', web1, () => null, [/^fabric: add veth task-web1xxxxxx ↔ mesh0 in task:web1x* \(made again: the other end is gone\)$/]],
    ['an end is another kind of device', web1, (link) => ({ ...link, kind: 'dummy', peer: null, vxlan: null }), [/^fabric: add veth task-web1xxxxxx/]],
    ['a bridge port was taken out', 'host', (link) => ({ ...link, master: null }), [/^host: change link mesh_gw0 master none → mesh_gwbridge$/]],
    ['something else has the bridge’s name', 'host', (link) => (link.kind === 'bridge' ? { ...link, kind: 'dummy' } : link), [/^host: add bridge mesh_gwbridge in place of a link of kind dummy$/]],
    ['a link is down and has another MTU', 'sandbox', (link) => (link.name === 'eth1' ? { ...link, up: false, mtu: 9000 } : link), [/^sandbox: change link eth1 mtu 9000 → 1500, down → up$/]],
  ])('%s', (_what, place, meddle, expected) => {
    const states = meddled(plan, place, (one) => ({ link: one.link.flatMap((link) => meddle(link) ?? []) }));
    const found = differenceOf(plan.places, states).filter(({ kind }) => kind === 'link').map(({ place: where, action, summary }) => `${where}: ${action} ${summary}`);
    expect(found).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  test('a foreign link in our namespace goes', () => {
    const tap = { name: 'tap0', kind: 'tun', mac: '', mtu: 1500, master: null, up: true, peer: null, vxlan: null };
    expect(differences('fabric', (one) => ({ link: [...one.link, tap] }))).toEqual(['fabric: remove link tap0 (tun)']);
  });
});

describe('routes, rules, neighbours, addresses, settings', () => {
  test('a route that leads elsewhere is changed in place', () => {
    expect(differences('fabric', (one) => ({ route: one.route.map((route) => (route.destination === '10.0.0.5/32' ? { ...route, device: 'sbox0' } : route)) }))).toEqual([
      `fabric: change route 10.0.0.5/32 dev ${web1Cable} (was 10.0.0.5/32 dev sbox0)`,
    ]);
  });

  test('a blackhole over a route of ours goes, the route stays', () => {
    const raw = { destination: '10.0.0.5/32', table: 254, type: 'blackhole', scope: 'nowhere', protocol: 3, gateway: undefined, linkIndex: undefined, source: undefined, metric: 5, onlink: false, nextHops: undefined } as const;
    expect(differences('fabric', (one) => ({ route: [...one.route, { destination: '10.0.0.5/32', table: 254, device: '#none', raw }] }))).toEqual([
      'fabric: remove route 10.0.0.5/32 dev #none (blackhole metric 5)',
    ]);
  });

  test('`ip rule flush` in our namespace takes the kernel’s own rules: they come back', () => {
    expect(differences('fabric', () => ({ rule: [] }))).toEqual([
      'fabric: add rule 0: from all lookup 255',
      'fabric: add rule 32766: from all lookup 254',
      'fabric: add rule 32767: from all lookup 253',
    ]);
  });

  test('a neighbour with another hardware address, an address too many, a flipped setting', () => {
    expect(
      differences('sandbox', (one) => ({
        neighbour: one.neighbour.map((entry) => ({ ...entry, mac: '02:00:00:00:00:01' })),
        address: [...one.address, { device: 'eth0', address: '9.9.9.9', prefixLength: 24 }],
        sysctl: one.sysctl.map((setting) => (setting.path === 'net/ipv4/ip_forward' ? { ...setting, value: '0' } : setting)),
      })),
    ).toEqual([
      'sandbox: change sysctl net/ipv4/ip_forward = 1 (was 0)',
      'sandbox: change neighbour 169.254.1.1 lladdr 02:42:a9:fe:01:01 dev eth0 (was 02:00:00:00:00:01)',
      'sandbox: remove address 9.9.9.9/24 dev eth0',
    ]);
  });
});

describe('the way to peers', () => {
  const withPeer = planOf({ nodes: [...state.nodes, { id: 'node2', name: 'h2', address: '192.168.56.12', ready: true }] });
  const differs = (meddle: (one: PlaceState) => Partial<PlaceState>): string[] =>
    differenceOf(withPeer.places, meddled(withPeer, 'fabric', meddle)).map(({ place, action, summary }) => `${place}: ${action} ${summary}`);

  test('a VXLAN device that is set up otherwise is made again, with all that was on it', () => {
    const elsewhere = (one: PlaceState): Partial<PlaceState> => ({ link: one.link.map((link) => (link.vxlan === null ? link : { ...link, vxlan: { ...link.vxlan, id: 77 } })) });
    expect(differs(elsewhere)).toEqual([
      'fabric: add vxlan vxlan0 id 4097 port 4798 local 192.168.56.11 (made again: it is set up otherwise)',
      'fabric: add sysctl net/ipv4/conf/vxlan0/rp_filter = 0',
      'fabric: add sysctl net/ipv4/conf/vxlan0/send_redirects = 0',
      'fabric: add sysctl net/ipv6/conf/vxlan0/disable_ipv6 = 1',
      'fabric: add neighbour 100.104.56.12 lladdr 02:45:64:68:38:0c dev vxlan0',
      'fabric: add fdb 02:45:64:68:38:0c dev vxlan0 dst 192.168.56.12',
      'fabric: add route 100.104.56.12/32 dev vxlan0',
      'fabric: add route default via 100.104.56.12 dev vxlan0 onlink table 14348',
    ]);
  });

  test('one whose UDP socket is in the wrong namespace is made again: its packets would leave nowhere', () => {
    const astray = (one: PlaceState): Partial<PlaceState> => ({ link: one.link.map((link) => (link.vxlan === null ? link : { ...link, vxlan: { ...link.vxlan, underlay: 'fabric' } })) });
    expect(differs(astray)[0]).toMatch(/^fabric: add vxlan vxlan0 .*made again/);
  });

  test('a forwarding entry that leads to another node, and one that nobody planned', () => {
    expect(differs((one) => ({ fdb: one.fdb.map((entry) => ({ ...entry, destination: '192.168.56.99' })) }))).toEqual([
      'fabric: change fdb 02:45:64:68:38:0c dev vxlan0 dst 192.168.56.12 (was dst 192.168.56.99)',
    ]);
    expect(differs((one) => ({ fdb: [...one.fdb, { device: 'vxlan0', mac: '02:00:00:00:00:01', destination: '203.0.113.9' }] }))).toEqual([
      'fabric: remove fdb 02:00:00:00:00:01 dev vxlan0 dst 203.0.113.9',
    ]);
  });

  test('a rule by mark that is gone', () => {
    expect(differs((one) => ({ rule: one.rule.filter(({ mark }) => mark === undefined) }))).toEqual(['fabric: add rule 100: from all fwmark 0x380c/0xffff lookup 14348']);
  });
});
