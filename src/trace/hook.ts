/** A packet passes one of netfilter's hooks: each table's built-in chain in the kernel's order (linux/netfilter_ipv4.h, NF_IP_PRI_*). */
import { hexOf } from '../plan/fwmark.js';
import { blameDrop, nameOf } from './blame.js';
import { countersOf, type End, type Hop, type HopPlace, type HopStep } from './hop.js';
import type { Observation, SeenPlace } from './observation.js';
import type { Packet } from './packet.js';
import type { Surroundings } from './rules/matches.js';
import { walk, type Walk } from './rules/walk.js';
import type { Way } from './way.js';
import { command, ruleText } from './words.js';

const tablesOf = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter'],
  FORWARD: ['mangle', 'filter'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter'],
  POSTROUTING: ['mangle', 'nat'],
} as const;

export interface HookOptions {
  readonly hook: keyof typeof tablesOf;
  /** Tables that are told whatever they say; others only where they do something to the packet. */
  readonly told: readonly string[];
  /** What ends the way here besides a drop. */
  readonly judge?: (walk: Walk) => End | null;
}

/** The packet as it comes out; null where it ends. */
export function passHook(way: Way, seen: Observation, place: SeenPlace, entering: Packet, { hook, told, judge = () => null }: HookOptions): Packet | null {
  let packet = entering;
  for (const name of tablesOf[hook]) {
    if (name === 'nat' && isPastNat(packet, hook)) continue;
    const table = name === 'nat' && packet.connection.state === 'UNTRACKED' ? undefined : place.iptables.document.tables.get(name);
    const walked = walk(table, { table: name, chain: hook }, packet, surroundingsOf(place));
    const passed = translated(walked, place);
    const end = walked.decision.type === 'drop' || walked.decision.type === 'reject' ? blameDrop(seen, place, walked) : judge(walked);
    const isQuiet = walked.decision.type === 'accept' && walked.doubts.length === 0 && passed === packet;
    if (end !== null) {
      way.end(hopOf(place, walked, packet, passed), end);
      return null;
    }
    if (!isQuiet || told.includes(name)) way.pass(hopOf(place, walked, packet, passed), walked.doubts.length > 0);
    packet = passed;
  }
  return packet;
}

/** Only the first packet of a connection is shown to nat, and its destination is translated once: by nat, or by IPVS. */
function isPastNat({ connection }: Packet, hook: HookOptions['hook']): boolean {
  return connection.state === 'ESTABLISHED' || (hook !== 'POSTROUTING' && connection.destinationTranslated);
}

export function surroundingsOf({ network, sets }: Pick<SeenPlace, 'network' | 'sets'>): Surroundings {
  const own = new Set(network.addresses.map(({ address }) => address));
  return { isLocal: (address) => address.startsWith('127.') || own.has(address), sets };
}

/** The first address of a device, by which what is sent there is known. */
export function addressOf({ network }: Pick<SeenPlace, 'network'>, device: string | null | undefined): string | undefined {
  return network.addresses.find((each) => each.device === device)?.address;
}

function translated({ decision, packet }: Walk, place: SeenPlace): Packet {
  const { connection } = packet;
  switch (decision.type) {
    case 'destination':
      return { ...packet, destination: decision.address, destinationPort: decision.port ?? packet.destinationPort, connection: { ...connection, destinationTranslated: true } };
    case 'redirect':
      return { ...packet, destination: addressOf(place, packet.inputDevice) ?? '127.0.0.1', destinationPort: decision.port ?? packet.destinationPort, connection: { ...connection, destinationTranslated: true } };
    case 'source':
      return { ...packet, source: decision.address ?? addressOf(place, packet.outputDevice) ?? packet.source, connection: { ...connection, sourceTranslated: true } };
    case 'accept':
    case 'drop':
    case 'reject':
      return packet;
  }
}

const hopPlaces: Readonly<Record<string, HopPlace>> = { host: 'host', sandbox: 'sandbox', fabric: 'fabric' };

/** Of the host, the sandbox and the fabric only: nobody else's rules are looked at. */
export function hopPlaceOf({ place }: Pick<SeenPlace, 'place'>): HopPlace {
  return hopPlaces[place] ?? 'task';
}

function hopOf(place: SeenPlace, walked: Walk, before: Packet, after: Packet): Pick<Hop, 'place' | 'name' | 'step' | 'what' | 'rules' | 'counters' | 'notes' | 'commands'> {
  const { chain, by, steps, doubts } = walked;
  const marker = after.mark === before.mark || walked.decision.type !== 'accept' ? undefined : steps.findLast(({ outcome }) => outcome === 'passes');
  const chains = new Set([chain, ...steps.filter(({ outcome }) => outcome !== 'calls' && outcome !== 'returns').map((step) => step.chain)]);
  return {
    place: hopPlaceOf(place),
    name: place.name,
    step: `${walked.table} ${chain}` as HopStep,
    what: marker === undefined ? whatOf(walked, after) : `${nameOf(marker)} marks it ${hexOf(after.mark)}`,
    rules: steps.map((step) => ({ chain: step.chain, number: step.number, depth: step.depth, rule: ruleText(step.words), outcome: step.outcome, counters: countersOf(step.counters) })),
    counters: countersOf((marker ?? by)?.counters),
    notes: doubts.map((step) => `can’t tell whether ${nameOf(step)} is for it`),
    commands: [...chains].map((each) => command(place, 'iptables', '-t', walked.table, '-nvL', each, '--line-numbers')),
  };
}

function whatOf({ table, decision, by }: Walk, after: Packet): string {
  const who = by === null ? 'nobody' : nameOf(by);
  switch (decision.type) {
    case 'accept':
      if (after.connection.state === 'UNTRACKED') return table === 'nat' ? 'is not asked: a rule in raw keeps it out of connection tracking' : 'keeps it out of connection tracking';
      return by === null ? 'has no rules' : by.number === null ? 'no rule stops it' : `${who} accepts it`;
    case 'drop':
      return `${who} drops it`;
    case 'reject':
      return `${who} rejects it`;
    case 'destination':
      return `${who} sends it to ${after.destination}:${after.destinationPort}`;
    case 'redirect':
      return `${who} sends it to this node itself, port ${after.destinationPort}`;
    case 'source':
      return `${who} makes ${after.source} its source`;
  }
}
