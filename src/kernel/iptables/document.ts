/**
 * What `iptables-save [-c]` prints, as data. Whatever it does not understand is kept as opaque lines: foreign rules
 * are none of our business, but they must never be in the way.
 */
import { splitWords } from './words.js';

export interface RuleDocument {
  /** Words behind `-A CHAIN`. */
  readonly words: readonly string[];
  readonly counters: Counters | null;
}

export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface ChainDocument {
  readonly name: string;
  /** `ACCEPT`, `DROP`; null for a user-defined chain. */
  readonly policy: string | null;
  readonly counters: Counters | null;
  readonly rules: readonly RuleDocument[];
}

export interface TableDocument {
  readonly name: string;
  readonly chains: ReadonlyMap<string, ChainDocument>;
}

export interface IptablesDocument {
  readonly tables: ReadonlyMap<string, TableDocument>;
  /** Lines that mean nothing to us (other than comments). */
  readonly opaque: readonly string[];
}

interface OpenChain extends ChainDocument {
  readonly rules: RuleDocument[];
}
interface OpenTable extends TableDocument {
  readonly chains: Map<string, OpenChain>;
}

/** Never throws. */
export function parseIptablesSave(text: string): IptablesDocument {
  const tables = new Map<string, OpenTable>();
  const opaque: string[] = [];
  let table: OpenTable | null = null;

  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    if (line.startsWith('*')) {
      const name = line.slice(1).trim();
      table = tables.get(name) ?? { name, chains: new Map() };
      tables.set(name, table);
    } else if (line.trim() === 'COMMIT') {
      table = null;
    } else if (table === null || !(readChain(table, line) || readRule(table, line))) {
      opaque.push(line);
    }
  }
  return { tables, opaque };
}

/** `:FORWARD DROP [12:3456]` */
function readChain(table: OpenTable, line: string): boolean {
  const match = /^:(\S+) (\S+)(?: \[(\d+):(\d+)\])?\s*$/.exec(line);
  if (match === null) return false;
  const [, name = '', policy = '-', packets, bytes] = match;
  table.chains.set(name, {
    name,
    policy: policy === '-' ? null : policy,
    counters: countersOf(packets, bytes),
    rules: table.chains.get(name)?.rules ?? [],
  });
  return true;
}

/** `[12:3456] -A FORWARD -j DOCKER-USER` */
function readRule(table: OpenTable, line: string): boolean {
  const match = /^(?:\[(\d+):(\d+)\] )?-A (\S+)(?: (.*))?$/.exec(line);
  if (match === null) return false;
  const [, packets, bytes, name = '', rest = ''] = match;
  const chain = table.chains.get(name) ?? { name, policy: null, counters: null, rules: [] };
  table.chains.set(name, chain);
  chain.rules.push({ words: splitWords(rest), counters: countersOf(packets, bytes) });
  return true;
}

function countersOf(packets: string | undefined, bytes: string | undefined): Counters | null {
  return packets === undefined || bytes === undefined ? null : { packets: BigInt(packets), bytes: BigInt(bytes) };
}

export function chainOf(document: IptablesDocument, table: string, chain: string): ChainDocument | undefined {
  return document.tables.get(table)?.chains.get(chain);
}

/** Chains that a table is born with; with the nft back end they are there only once somebody used them. */
export const builtInChains: Readonly<Record<string, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export function isBuiltIn(table: string, chain: string): boolean {
  return builtInChains[table]?.includes(chain) === true;
}
