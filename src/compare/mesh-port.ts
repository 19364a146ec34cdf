/** What one mesh does with one published port, out of its rules and its IPVS. Pure. */
import { byName } from '../cluster/sorting.js';
import { chainOf, type IptablesDocument } from '../kernel/iptables/document.js';
import { portKey, portOfFwmark, type PortKey } from '../plan/fwmark.js';
import type { SeenPlace, SeenRealServer, SeenVirtualService } from '../trace/observation.js';
import { isInPrefix } from '../trace/rules/addresses.js';
import { effectOf } from '../trace/rules/effects.js';
import { parseRule, type ParsedRule } from '../trace/rules/parsed-rule.js';
import type { SeenSandbox } from './observation.js';
import { isForPort, markInSet, portsOf, type PublishedKey } from './published-by.js';

export interface MeshPort {
  /** Where the host sends it: `172.30.0.2:8080`. Null: nowhere, the port is closed or was never open. */
  readonly sentTo: string | null;
  /** Firewall mark in the sandbox; null: nothing marks it. */
  readonly mark: number | null;
  /** Of that mark; null: IPVS has none. */
  readonly scheduler: string | null;
  readonly persistenceSeconds: number | null;
  readonly onePacket: boolean;
  /** What the task sees as its client; null: the client's own address. */
  readonly sourceAddress: string | null;
  /** Sorted by address. */
  readonly servers: readonly SeenRealServer[];
}

/** Every port that the mesh knows: of its DNAT, of its marks, and, where marks name ports, of its IPVS. */
export function portsIn(host: SeenPlace, chain: string, sandbox: SeenSandbox | null, marksNamePorts: boolean): Map<PortKey, PublishedKey> {
  const found = [
    ...rulesOf(host.iptables.document, 'nat', chain).filter(({ target }) => target === 'DNAT').flatMap((rule) => portsOf(rule, host.sets)),
    ...(sandbox === null ? [] : markingRules(sandbox).flatMap((rule) => portsOf(rule, sandbox.sets))),
  ];
  const served = !marksNamePorts || sandbox === null ? [] : servicesOf(sandbox).flatMap(({ key }) => {
    const port = key.kind === 'fwmark' ? portOfFwmark(key.fwmark) : null;
    return port === null ? [] : [{ protocol: port.protocol, published: port.port }];
  });
  return new Map([...found, ...served].map((port) => [portKey(port.protocol, port.published), port]));
}

/** `mark`: what the port has where no rule marks it any more, but its last connections are kept; null: nobody can tell. */
export function meshPort(host: SeenPlace, chain: string, sandbox: SeenSandbox | null, port: PublishedKey, mark: number | null): MeshPort {
  const translation = rulesOf(host.iptables.document, 'nat', chain).find((rule) => rule.target === 'DNAT' && isForPort(rule, port, host.sets));
  const marking = sandbox === null ? undefined : markingRules(sandbox).find((rule) => isForPort(rule, port, sandbox.sets));
  const effect = marking === undefined ? undefined : effectOf(marking, new Set());
  const marked = marking !== undefined && effect?.type === 'mark-by-set' ? markInSet(marking, port.published, sandbox?.sets) : effect?.type === 'mark' ? effect.value : null;
  const service = serviceOf(sandbox, marked ?? mark);
  return {
    sentTo: destinationOf(translation, port),
    mark: marked,
    scheduler: service?.scheduler ?? null,
    persistenceSeconds: service?.persistenceSeconds ?? null,
    onePacket: service?.onePacket ?? false,
    sourceAddress: sandbox === null || service === null ? null : sourceOf(sandbox, marked ?? mark, service),
    servers: [...(service?.servers ?? [])].sort((one, other) => byName(one.address, other.address)),
  };
}

function rulesOf(document: IptablesDocument, table: string, chain: string): ParsedRule[] {
  return (chainOf(document, table, chain)?.rules ?? []).map(({ words }) => parseRule(words));
}

/** Those that give marks, by port or by set. */
function markingRules({ iptables }: SeenSandbox): ParsedRule[] {
  return rulesOf(iptables.document, 'mangle', 'PREROUTING').filter(({ target, targetOptions }) => target === 'MARK' || (target === 'SET' && targetOptions.has('--map-mark')));
}

/** A DNAT without a port keeps the packet's. */
function destinationOf(rule: ParsedRule | undefined, { published }: PublishedKey): string | null {
  const text = rule?.targetOptions.get('--to-destination')?.[0] ?? null;
  return text === null || text.includes(':') ? text : `${text}:${published}`;
}

function servicesOf({ ipvs }: SeenSandbox): readonly SeenVirtualService[] {
  return typeof ipvs === 'string' ? [] : ipvs;
}

function serviceOf(sandbox: SeenSandbox | null, mark: number | null): SeenVirtualService | null {
  if (sandbox === null || mark === null) return null;
  return servicesOf(sandbox).find(({ key }) => key.kind === 'fwmark' && key.family === 'inet' && key.fwmark === mark) ?? null;
}

/** The first SNAT of what IPVS sends on: dockerd's for all of it (`-m ipvs`), ours for the marks that ask for it. */
function sourceOf({ iptables }: SeenSandbox, mark: number | null, { servers }: SeenVirtualService): string | null {
  for (const rule of rulesOf(iptables.document, 'nat', 'POSTROUTING')) {
    const effect = effectOf(rule, new Set());
    if (effect.type !== 'source') continue;
    const applies = rule.matches.every(({ module, option, values: [value = ''], negated }) => {
      if (option === '-m' || option === '--ipvs') return true;
      if (negated) return false;
      if (option === '-d') return servers.some(({ address }) => isInPrefix(address, value) === 'yes');
      return module === 'mark' && option === '--mark' && mark !== null && Number(value.split('/')[0]) === mark;
    });
    if (applies) return effect.address ?? 'the sandbox’s own';
  }
  return null;
}
