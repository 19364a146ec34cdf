/** Who drops a packet, and what the owner of this node can do about it. */
import { peersChainOf } from '../plan/host.js';
import type { Settings } from '../settings.js';
import type { End } from './hop.js';
import type { Observation, SeenPlace } from './observation.js';
import { byController } from './repair.js';
import type { Step, Walk } from './rules/walk.js';
import { command, ruleText } from './words.js';

export type Owner = 'routemesh' | 'dockerd' | 'others';

/** DOCKER-USER is the one of dockerd's chains that it never writes rules into but its own RETURN. */
export function ownerOf(chain: string, names: Settings['names']): Owner {
  if (chain === names.chain || chain === peersChainOf(names.chain)) return 'routemesh';
  return chain.startsWith('DOCKER') && chain !== 'DOCKER-USER' ? 'dockerd' : 'others';
}

/** `rule 1 of DOCKER-USER`, `the policy of FORWARD`. */
export function nameOf({ chain, number }: Pick<Step, 'chain' | 'number'>): string {
  return number === null ? `the policy of ${chain}` : `rule ${number} of ${chain}`;
}

export function blameDrop(seen: Observation, place: SeenPlace, { table, by }: Walk): End {
  const who = by === null ? 'nobody' : nameOf(by);
  if (place.place !== 'host') {
    return { why: `${place.name} belongs to routemesh alone, and ${who} in its ${table} table lets no such packet pass`, remedy: byController(seen) };
  }
  if (by?.number === null || by === null) {
    return { why: `no rule of ${table} ${by?.chain ?? ''} accepts it, and the chain’s policy is DROP`, remedy: byController(seen) };
  }
  const owner = ownerOf(by.chain, seen.settings.names);
  if (owner === 'dockerd') return { why: `${who}, which is dockerd’s, drops it before routemesh could accept it`, remedy: byController(seen) };
  if (owner === 'routemesh') return { why: `${who} is not routemesh’s, although the chain is`, remedy: byController(seen) };
  return {
    why: `a firewall rule of this node drops it: ${ruleText(['-A', by.chain, ...by.words])}`,
    remedy: `If that is not meant for this port, delete the rule (\`${command(place, 'iptables', '-t', table, '-D', by.chain, String(by.number))}\`), or let the port and its answers pass in a rule before it.`,
  };
}
