/**
 * What a planned chain does with a packet: the few matches that our rules are made of, read as iptables reads them. A word
 * that it does not know is an error, so that no rule passes unjudged.
 */
import { subnetOf } from '../../../src/plan/addresses.js';
import type { OwnedChain, RuleWords } from '../../../src/plan/iptables.js';

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

/** The target that the packet ends at; the policy where no rule is for it. */
export function verdictOf(chain: OwnedChain, packet: Packet): string {
  for (const words of chain.rules) {
    const target = judge(words, packet);
    if (target !== null) return target;
  }
  return chain.policy ?? 'RETURN';
}

/** The rule's target when the packet matches. */
function judge(words: RuleWords, packet: Packet): string | null {
  let isNegated = false;
  for (let index = 0; index < words.length; index += 1) {
    const option = words[index] ?? '';
    if (option === '!') {
      isNegated = true;
      continue;
    }
    index += 1;
    const value = words[index] ?? '';
    if (option === '-j') return value;
    if (option === '-m') continue;
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
