/**
 * What a planned chain does with a packet: the few matches that our rules are made of, read as iptables reads them. A word
 * that it does not know is an error, so that no rule passes unjudged.
 */
import { subnetOf } from '../../../src/plan/addresses.js';
import type { OwnedChain, RuleWords } from '../../../src/plan/iptables.js';
import type { KernelSet, SetMember } from '../../../src/plan/objects.js';
import { memberKey } from '../../../src/plan/sets.js';

export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly inputDevice: string;
  readonly outputDevice: string;
  readonly protocol: string;
  /** Destination port; null for ICMP. */
  readonly port: number | null;
  readonly icmpType: number | null;
  readonly state: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID';
  /** Of its connection. */
  readonly mark: number;
}

/** The target that the packet ends at, with its options; the policy where no rule is for it. `sets`: of the chain's place. */
export function verdictOf(chain: OwnedChain, packet: Packet, sets: readonly KernelSet[] = []): string {
  return targetOf(chain, packet, sets)?.[0] ?? chain.policy ?? 'RETURN';
}

/** With the target's options; null: the policy. */
export function targetOf(chain: OwnedChain, packet: Packet, sets: readonly KernelSet[]): readonly string[] | null {
  for (const words of chain.rules) {
    const target = judge(words, packet, sets);
    if (target !== null) return target;
  }
  return null;
}

/** The member of a set that a packet's destination is. */
export function memberFor(packet: Packet, sets: readonly KernelSet[], name: string): SetMember | undefined {
  const set = sets.find((each) => each.name === name);
  if (set === undefined) throw new Error(`there is no set ${name}`);
  const { destination: address, protocol, port } = packet;
  const asked = { 'bitmap:port': `/${port ?? ''}`, 'hash:ip,port': `${address} ${protocol}/${port ?? ''}`, 'hash:ip': `${address} /` }[set.type];
  return set.members.find((member) => memberKey(member).trim() === asked);
}

/** The rule's target and its options when the packet matches. */
function judge(words: RuleWords, packet: Packet, sets: readonly KernelSet[]): readonly string[] | null {
  let isNegated = false;
  for (let index = 0; index < words.length; index += 1) {
    const option = words[index] ?? '';
    if (option === '!') {
      isNegated = true;
      continue;
    }
    index += 1;
    const value = words[index] ?? '';
    if (option === '-j') return words.slice(index);
    if (option === '-m') continue;
    if (option === '--match-set') {
      index += 1;
      if ((memberFor(packet, sets, value) !== undefined) === isNegated) return null;
      continue;
    }
    if (matches(option, value, packet) === isNegated) return null;
    isNegated = false;
  }
  throw new Error(`a rule without a target: ${words.join(' ')}`);
}

function matches(option: string, value: string, packet: Packet): boolean {
  switch (option) {
    case '-s':
      return isIn(packet.source, value);
    case '-d':
      return isIn(packet.destination, value);
    case '-i':
      return isDevice(packet.inputDevice, value);
    case '-o':
      return isDevice(packet.outputDevice, value);
    case '-p':
      return packet.protocol === value;
    case '--dport':
      return packet.port === Number(value);
    case '--icmp-type':
      return packet.icmpType === Number(value);
    case '--ctstate':
      return value.split(',').includes(packet.state);
    case '--mark': {
      const [mark = '', mask = '0xffffffff'] = value.split('/');
      return (packet.mark & Number(mask)) === Number(mark);
    }
    default:
      throw new Error(`an option that nobody judges: ${option} ${value}`);
  }
}

function isIn(address: string, subnet: string): boolean {
  return subnetOf(address, Number(subnet.slice(subnet.indexOf('/') + 1))) === subnet;
}

function isDevice(name: string, pattern: string): boolean {
  return pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
