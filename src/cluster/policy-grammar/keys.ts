/** The keys of the policy grammar: which there are, what each may be, and which features are built. */
import { schedulers, udpSchedulings, type PortPolicy, type Scheduler, type SourceAddress, type UdpScheduling } from '../policy.js';
import { parseList, type Parsed } from './parsed.js';
import { parsePublish, type PortMapping } from './publish.js';
import {
  parseAddressOrInterface, parseAffinity, parseBoolean, parseCidr, parseConstraint, parseDuration, parseNetworkName, parseNumber, parseWord,
} from './values.js';

/** What the keys of a service, or those of one of its ports, said so far. */
export interface Reading {
  enabled?: boolean;
  publish?: readonly PortMapping[];
  network?: string;
  policy: Partial<PortPolicy>;
}

/** What was expected, and the words that were there instead. */
export interface Refusal {
  readonly expected: string;
  readonly got: string;
}

export interface KeyGrammar {
  /** Reads a value; what it can't take it answers. Total: any string has an answer. */
  read(text: string, reading: Reading): readonly Refusal[];
  /** False: parsed, then refused with a condition; never ignored. */
  readonly built: boolean;
  /** True: makes no sense for one port. */
  readonly wholeService: boolean;
  /** What is served where a service's value is refused. */
  readonly otherwise: string;
}

function key<Value>(definition: {
  parse: (text: string) => Parsed<Value>;
  /** Without it the key's feature is not built. */
  take?: (value: Value, reading: Reading) => void;
  wholeService?: boolean;
  otherwise: string;
}): KeyGrammar {
  const { parse, take, wholeService = false, otherwise } = definition;
  const read: KeyGrammar['read'] = (text, reading) => {
    const result = parse(text);
    if (!result.ok) return [{ expected: result.expected, got: text }];
    take?.(result.value, reading);
    return [];
  };
  return { read, built: take !== undefined, wholeService, otherwise };
}

/** A list of ports is served as far as it parses. */
const publish: KeyGrammar = {
  read: (text, reading) => {
    const { mappings, refused } = parsePublish(text);
    reading.publish = mappings;
    return refused;
  },
  built: true,
  wholeService: true,
  otherwise: 'it is not published',
};

export const keyGrammars = {
  enabled: key({
    parse: parseBoolean,
    take: (value, reading) => (reading.enabled = value),
    otherwise: 'it is served, the default',
  }),
  publish,
  network: key({
    parse: parseNetworkName,
    take: (value, reading) => (reading.network = value),
    wholeService: true,
    otherwise: 'the network is chosen as without the key',
  }),
  'source-ip': key({
    parse: parseWord<SourceAddress>(['preserve', 'snat']),
    take: (value, { policy }) => Object.assign(policy, { sourceAddress: value } satisfies Partial<PortPolicy>),
    otherwise: 'the client address is preserved, the default',
  }),
  scheduler: key({
    parse: parseWord<Scheduler>(schedulers),
    take: (value, { policy }) => Object.assign(policy, { scheduler: value } satisfies Partial<PortPolicy>),
    otherwise: 'rr is used, the default',
  }),
  affinity: key({
    parse: parseAffinity,
    take: (value, { policy }) => Object.assign(policy, { affinitySeconds: value } satisfies Partial<PortPolicy>),
    otherwise: 'there is no affinity, the default',
  }),
  drain: key({
    parse: parseDuration,
    take: (value, { policy }) => Object.assign(policy, { drainMilliseconds: value } satisfies Partial<PortPolicy>),
    otherwise: 'removed tasks drain for 10m, the default',
  }),
  udp: key({
    parse: parseWord<UdpScheduling>(udpSchedulings),
    take: (value, { policy }) => Object.assign(policy, { udp: value } satisfies Partial<PortPolicy>),
    otherwise: 'udp is balanced by flow, the default',
  }),
  weight: key({ parse: parseNumber(1, 65535), otherwise: 'every task has weight 1' }),
  bind: key({ parse: (text) => parseList(text, parseAddressOrInterface), otherwise: 'the port is open on every local address' }),
  allow: key({ parse: (text) => parseList(text, parseCidr), otherwise: 'every client may reach the port' }),
  prefer: key({ parse: parseWord(['any', 'local']), otherwise: 'tasks of every node are used alike' }),
  nodes: key({ parse: (text) => parseList(text, parseConstraint), otherwise: 'every node accepts the port' }),
} as const satisfies Record<string, KeyGrammar>;

export type PolicyKey = keyof typeof keyGrammars;
export const policyKeys = Object.keys(keyGrammars) as PolicyKey[];

export function isPolicyKey(word: string): word is PolicyKey {
  return Object.hasOwn(keyGrammars, word);
}
