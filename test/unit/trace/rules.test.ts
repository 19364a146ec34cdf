import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseIptablesSave } from '../../../src/kernel/iptables/document.js';
import { unseenIn } from '../../../src/kernel/iptables/look.js';
import type { SetMember } from '../../../src/plan/objects.js';
import { splitWords } from '../../../src/kernel/iptables/words.js';
import { answering, arriving, type Packet } from '../../../src/trace/packet.js';
import { isFor } from '../../../src/trace/rules/matches.js';
import { parseRule } from '../../../src/trace/rules/parsed-rule.js';
import type { SeenSet } from '../../../src/trace/rules/sets.js';
import { walk, type Walk } from '../../../src/trace/rules/walk.js';
import { memberKey } from '../../../src/plan/sets.js';

const packet: Packet = { ...arriving('tcp', { source: '203.0.113.9', sourcePort: 50_000, destination: '192.168.56.11', destinationPort: 8080 }, 'eth0'), mark: 0x61f90 };
const reply = answering(packet, { source: '172.30.0.2', sourcePort: 8080, destination: '203.0.113.9', destinationPort: 50_000 }, 'mesh_gwbridge', 'eth0');
const set = (name: string, type: SeenSet['type'], ...members: SetMember[]): [string, SeenSet] =>
  [name, { name, type, marked: members.some(({ mark }) => mark !== undefined), members: new Map(members.map((member) => [memberKey(member), member])) }];
const sets = new Map([
  set('mesh-tcp', 'bitmap:port', { port: 8080, mark: 0x61f90 }, { port: 9090, mark: -1 }),
  set('mesh-udp', 'bitmap:port', { port: 53 }),
  set('mesh-targets', 'hash:ip,port', { address: '192.168.56.11', protocol: 'tcp', port: 8080 }),
  set('mesh-tasks', 'hash:ip', { address: '203.0.113.9' }),
]);
const surroundings = { isLocal: (address: string) => address === '192.168.56.11', sets };

function answerOf(rule: string, asked: Packet = packet): string {
  return isFor(parseRule(splitWords(rule)), asked, surroundings);
}

describe('whether a rule is for a packet', () => {
  it.each([
    ['-s 203.0.113.0/24 -j DROP', 'yes'],
    ['! -s 203.0.113.0/24 -j DROP', 'no'],
    ['-s 198.51.100.0/255.255.255.0 -j DROP', 'no'],
    ['-s 203.0.113.9/255.0.255.255 -j DROP', 'yes'],
    ['-d 192.168.56.11/32 -i eth0 -j DROP', 'yes'],
    ['-i eth+ -j DROP', 'yes'],
    ['! -i eth0 -j DROP', 'no'],
    ['-o eth1 -j DROP', 'no'],
    ['-p udp -m udp --dport 8080 -j DROP', 'no'],
    ['-p 6 -m tcp --dport 8000:8100 -j DROP', 'yes'],
    ['-p tcp -m tcp --dport :1023 -j DROP', 'no'],
    ['-p tcp -m tcp ! --dport 8080 -j DROP', 'no'],
    ['-p tcp -m tcp --sport 1024: -j DROP', 'yes'],
    ['-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', 'yes'],
    ['-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', 'no'],
    ['-p tcp -m multiport --dports 80,443,8000:8100 -j DROP', 'yes'],
    ['-p tcp -m multiport ! --dports 80,443 -j DROP', 'yes'],
    ['-p icmp -m icmp --icmp-type 8 -j DROP', 'no'],
    ['-m addrtype --dst-type LOCAL -j DROP', 'yes'],
    ['-m addrtype ! --dst-type LOCAL -j DROP', 'no'],
    ['-m addrtype --src-type LOCAL -j DROP', 'no'],
    ['-m conntrack --ctstate RELATED,ESTABLISHED -j DROP', 'no'],
    ['-m conntrack --ctstate INVALID,NEW -j DROP', 'yes'],
    ['-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP', 'yes'],
    ['-m state --state NEW -j DROP', 'yes'],
    ['-p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP', 'yes'],
    ['-m conntrack --ctorigdst 192.168.56.12 -j DROP', 'no'],
    ['-m mark --mark 0x61f90 -j DROP', 'yes'],
    ['-m mark --mark 0x90/0xff -j DROP', 'yes'],
    ['-m mark ! --mark 0x90/0xff -j DROP', 'no'],
    ['-m connmark ! --mark 0x0/0xffff -j DROP', 'no'],
    ['-m comment --comment "-j ACCEPT ! -s 1.2.3.4" -j DROP', 'yes'],
    ['-m iprange --src-range 203.0.113.1-203.0.113.10 -j DROP', 'yes'],
    ['-p tcp -m set --match-set mesh-tcp dst -j DROP', 'yes'],
    ['-p tcp -m set --match-set mesh-tcp src -j DROP', 'no'],
    ['-m set --match-set mesh-udp dst -j DROP', 'no'],
    ['-m set ! --match-set mesh-udp dst -j DROP', 'yes'],
    ['-m set --match-set mesh-targets dst,dst -j DROP', 'yes'],
    ['-m set --match-set mesh-targets dst,src -j DROP', 'no'],
    ['-m set --match-set mesh-tasks src -j DROP', 'yes'],
    ['-m set --match-set mesh-tasks dst -j DROP', 'no'],
    ['-m set --match-set mesh-targets dst -j DROP', 'unknown'],
    ['-f -j DROP', 'no'],
    ['-j DROP', 'yes'],
  ])('%s: %s', (rule, answer) => {
    expect(answerOf(rule)).toBe(answer);
  });

  it.each([
    '-m set --match-set friends src -j DROP',
    '-m set ! --match-set friends src -j DROP',
    '-m string --string "-j" --algo bm -j DROP',
    '-m recent --rcheck --seconds 60 --name DEFAULT --mask 255.255.255.255 --rsource -j DROP',
    '-m limit --limit 5/min -j DROP',
    '-m owner --uid-owner 0 -j DROP',
    '-m mac --mac-source 02:00:00:00:00:01 -j DROP',
    '-m addrtype --dst-type LOCAL --limit-iface-in -j DROP',
    '-m nobody-knows-this -j DROP',
  ])('is not guessed where the packet alone can’t say: %s', (rule) => {
    expect(answerOf(rule)).toBe('unknown');
    expect(parseRule(splitWords(rule)).target).toBe('DROP');
  });

  it('is decided by what can be told, whatever else the rule asks', () => {
    expect(answerOf('-s 198.51.100.1/32 -m set --match-set friends src -j DROP')).toBe('no');
  });

  it('knows an answer from a request', () => {
    expect(answerOf('-s 172.30.0.2/32 -i mesh_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', reply)).toBe('yes');
    expect(answerOf('-p tcp -m tcp --sport 8080 --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctdir REPLY --ctorigdstport 8080 -j ACCEPT', reply)).toBe('yes');
    expect(answerOf('-m conntrack --ctstate NEW -j DROP', reply)).toBe('no');
  });

  it('can’t tell by which device a packet came that nobody knows the way of', () => {
    const from = { ...packet, inputDevice: undefined };
    expect(answerOf('-i eth0 -j DROP', from)).toBe('unknown');
    expect(answerOf('! -i eth0 -j DROP', from)).toBe('unknown');
    expect(answerOf('-i eth0 -p udp -j DROP', from)).toBe('no');
  });

  it('has an answer for any words', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('!', '-m', '-j', '-s', '-p', '--dport', 'tcp', 'multiport', '--dports', 'mark', '--mark', '-i'))), (words) => {
      expect(['yes', 'no', 'unknown']).toContain(isFor(parseRule(words), packet, surroundings));
    }));
  });
});

function walked(rules: string, table = 'filter', chain = 'FORWARD', asked: Packet = packet): Walk {
  return walk(parseIptablesSave(`*${table}\n${rules}\nCOMMIT\n`).tables.get(table), { table, chain }, asked, surroundings);
}

const met = ({ steps }: Walk): string[] => steps.map(({ chain, number, outcome }) => `${chain} ${number ?? 'policy'} ${outcome}`);

describe('a walk through a chain', () => {
  it('meets rules in their order, calls and comes back', () => {
    const result = walked(':FORWARD DROP [5:300]\n:USER - [0:0]\n:OURS - [0:0]\n-A FORWARD -j USER\n-A FORWARD -s 10.0.0.0/8 -j DROP\n-A FORWARD -j OURS\n-A USER -p udp -j DROP\n-A USER -j RETURN\n-A USER -j DROP\n[12:720] -A OURS -p tcp -m tcp --dport 8080 -j ACCEPT');
    expect(met(result)).toEqual(['FORWARD 1 calls', 'USER 2 returns', 'FORWARD 3 calls', 'OURS 1 decides']);
    expect(result.decision).toEqual({ type: 'accept' });
    expect(result.by).toMatchObject({ chain: 'OURS', number: 1, depth: 1, counters: { packets: 12n, bytes: 720n } });
  });

  it('ends at the policy, with its counters', () => {
    const result = walked(':FORWARD DROP [5:300]\n-A FORWARD -p udp -j ACCEPT');
    expect(result.decision).toEqual({ type: 'drop' });
    expect(result.by).toMatchObject({ chain: 'FORWARD', number: null, counters: { packets: 5n, bytes: 300n } });
  });

  it('does not come back from a goto', () => {
    const result = walked(':FORWARD DROP [0:0]\n:A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A FORWARD -j ACCEPT\n-A A -g B\n-A A -j DROP\n-A B -p udp -j DROP');
    expect(met(result)).toEqual(['FORWARD 1 calls', 'A 1 calls', 'FORWARD 2 decides']);
  });

  it('passes what cannot be decided, and remembers it as a doubt', () => {
    const result = walked(':FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set bad src -j DROP\n-A FORWARD -j ACCEPT');
    expect(met(result)).toEqual(['FORWARD 1 unknown', 'FORWARD 2 decides']);
    expect(result.doubts).toHaveLength(1);
  });

  it('has no doubt about what could change nothing: a log, an early accept, a call of chains that only count', () => {
    const result = walked(':FORWARD ACCEPT [0:0]\n:COUNT - [0:0]\n-A FORWARD -m limit --limit 3/min -j LOG --log-prefix "-j DROP "\n-A FORWARD -m set --match-set good src -j ACCEPT\n-A FORWARD -m set --match-set x src -j COUNT\n-A FORWARD -j ACCEPT\n-A COUNT\n-A COUNT -j RETURN');
    expect(result.steps.filter(({ outcome }) => outcome === 'unknown')).toHaveLength(3);
    expect(result.doubts).toEqual([]);
  });

  it('doubts an early accept where it keeps nat from translating', () => {
    const result = walked(':PREROUTING ACCEPT [0:0]\n-A PREROUTING -m set --match-set good src -j ACCEPT\n-A PREROUTING -p tcp -j DNAT --to-destination 172.30.0.2:8080', 'nat', 'PREROUTING');
    expect(result.decision).toEqual({ type: 'destination', address: '172.30.0.2', port: 8080 });
    expect(result.doubts).toHaveLength(1);
  });

  it('doubts a target that hands the packet to a program', () => {
    expect(walked(':FORWARD ACCEPT [0:0]\n-A FORWARD -j NFQUEUE --queue-num 0').doubts).toHaveLength(1);
  });

  it('marks packets and connections bit by bit', () => {
    const { packet: after } = walked(':PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-xmark 0x1/0xff\n-A PREROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xffff', 'mangle', 'PREROUTING');
    expect(after.mark).toBe(0x61f01);
    expect(after.connection.mark).toBe(0x01);
  });

  it('takes the mark that a set has for the port, and none where it has none', () => {
    const rule = ':PREROUTING ACCEPT [0:0]\n-A PREROUTING -j SET --map-set mesh-tcp dst --map-mark';
    expect(walked(rule, 'mangle', 'PREROUTING', { ...packet, mark: 0 }).packet.mark).toBe(0x61f90);
    expect(walked(rule, 'mangle', 'PREROUTING', { ...packet, mark: 0, destinationPort: 81 })).toMatchObject({ packet: { mark: 0 }, doubts: [] });
    expect(walked(rule, 'mangle', 'PREROUTING', { ...packet, destinationPort: 9090 }).doubts).toHaveLength(1);
    expect(walked(rule.replace('mesh-tcp', 'theirs'), 'mangle', 'PREROUTING').doubts).toHaveLength(1);
    expect(walked(rule.replace('--map-set mesh-tcp dst --map-mark', '--add-set theirs src'), 'mangle', 'PREROUTING').doubts).toEqual([]);
  });

  it('takes no table and no chain for no rules', () => {
    expect(walk(undefined, { table: 'raw', chain: 'PREROUTING' }, packet, surroundings)).toMatchObject({ decision: { type: 'accept' }, by: null, steps: [] });
  });

  it('ends, even in chains that call each other in circles', () => {
    expect(walked(':FORWARD ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A FORWARD -j A\n-A A -j B\n-A B -j A').decision).toEqual({ type: 'accept' });
  });
});

describe('what iptables-save does not show', () => {
  it('is told in its own words', () => {
    const text = "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n# Table `filter' is incompatible, use 'nft' tool.\n# Generated by iptables-save v1.8.9 (nf_tables)\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n# Table `nat' contains incompatible base-chains, use 'nft' tool to list them.\n";
    expect(unseenIn(text)).toEqual([
      'Warning: iptables-legacy tables present, use iptables-legacy-save to see them',
      "Table `filter' is incompatible, use 'nft' tool.",
      "Table `nat' contains incompatible base-chains, use 'nft' tool to list them.",
    ]);
  });
});
