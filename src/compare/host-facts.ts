/** The host's part of both meshes: chains, where they are jumped to, where they send packets. Pure. */
import { chainOf, type IptablesDocument } from '../kernel/iptables/document.js';
import { parseRule } from '../trace/rules/parsed-rule.js';
import { dockerChain } from './answering.js';
import { fact, type Fact } from './comparison.js';
import type { Observation } from './observation.js';

const jumps = [
  ['nat', 'PREROUTING', 'the first of the two jumps takes what both publish, so routemesh’s stands before dockerd’s'],
  ['nat', 'OUTPUT', 'the same for connections that this node makes itself'],
  ['filter', 'FORWARD', 'routemesh stands behind DOCKER-USER, whose rules hold for both meshes, and before the rest of dockerd’s'],
] as const;

export function hostFacts({ host, settings }: Observation): Fact[] {
  const { document } = host.iptables;
  const ours = settings.names.chain;
  return [
    ...jumps.map(([table, chain, why]) => fact(`${table} ${chain}`, jumpOf(document, table, chain, ours), jumpOf(document, table, chain, dockerChain), why)),
    fact('published ports', translations(document, ours), translations(document, dockerChain), 'each port below says why one mesh alone has it'),
    fact('sends them to', targetsOf(document, ours), targetsOf(document, dockerChain), 'each has a sandbox of its own behind a bridge of its own'),
  ];
}

/** `rule 2`, `rule 3 of DOCKER-FORWARD`; null: nobody jumps there. */
function jumpOf(document: IptablesDocument, table: string, from: string, to: string): string | null {
  const targets = targetsIn(document, table, from);
  const direct = targets.indexOf(to);
  if (direct >= 0) return `rule ${direct + 1}`;
  for (const between of targets) {
    const position = between === null ? -1 : targetsIn(document, table, between).indexOf(to);
    if (position >= 0) return `rule ${position + 1} of ${between ?? ''}, called by rule ${targets.indexOf(between) + 1}`;
  }
  return null;
}

function targetsIn(document: IptablesDocument, table: string, chain: string): (string | null)[] {
  return (chainOf(document, table, chain)?.rules ?? []).map(({ words }) => parseRule(words).target);
}

function destinations(document: IptablesDocument, chain: string): string[] {
  return (chainOf(document, 'nat', chain)?.rules ?? []).flatMap(({ words }) => {
    const { target, targetOptions } = parseRule(words);
    return target === 'DNAT' ? [targetOptions.get('--to-destination')?.[0] ?? ''] : [];
  });
}

function translations(document: IptablesDocument, chain: string): string | null {
  return chainOf(document, 'nat', chain) === undefined ? null : String(destinations(document, chain).length);
}

function targetsOf(document: IptablesDocument, chain: string): string | null {
  const addresses = [...new Set(destinations(document, chain).map((destination) => destination.split(':')[0] ?? ''))];
  return addresses.length === 0 ? null : addresses.join(', ');
}
