/** Why the host sends a port to nobody of ours: nobody publishes it, something else has it, or what we made of it is gone. */
import type { ClusterState, Service } from '../cluster/state.js';
import { chainOf } from '../kernel/iptables/document.js';
import { portKey } from '../plan/fwmark.js';
import { ownerOf, nameOf } from './blame.js';
import type { End } from './hop.js';
import { surroundingsOf } from './hook.js';
import type { Observation } from './observation.js';
import type { Packet } from './packet.js';
import { byController } from './repair.js';
import type { TraceRequest } from './request.js';
import { isFor } from './rules/matches.js';
import { parseRule } from './rules/parsed-rule.js';
import { portSetAskedBy } from './rules/sets.js';
import type { Walk } from './rules/walk.js';

/** Who publishes the port, by the saved state. */
export function publisherOf({ cluster }: Pick<Observation, 'cluster'>, { protocol, port }: TraceRequest): Service | null {
  return cluster?.services.find((service) => service.removed !== true && service.ports.some((each) => each.protocol === protocol && each.published === port)) ?? null;
}

/** `walked`: nat's chain, which did not send the packet to the sandbox by a rule of ours. */
export function whyNotTaken(seen: Observation, request: TraceRequest, packet: Packet, walked: Walk): End {
  const key = portKey(request.protocol, request.port);
  const taker = takerOf(seen, walked);
  const service = publisherOf(seen, request);
  const { text, hasRule } = flawOf(seen, key, packet, walked.chain);
  if (walked.packet.connection.state === 'UNTRACKED') {
    return { why: 'a rule in raw keeps it out of connection tracking, and what is not tracked is not sent elsewhere by nat', remedy: `Let ${key} pass raw before that rule.` };
  }
  if (!hasRule && seen.settings.reservedPorts.includes(key)) {
    return { why: `${taker}${key} is one of this node’s own ports (setting reservedPorts), which are never published`, remedy: 'Publish another number, or take it off reservedPorts.' };
  }
  if (!hasRule && seen.cluster !== null && service === null) {
    const program = seen.programs.length === 0 ? '' : `; ${seen.programs.join(', ')} listens there`;
    return { why: `${taker}no service publishes ${key}, as far as is saved on this node${program}`, remedy: `Publish it: \`docker service update --publish-add ${toPublish(request)} SERVICE\`. ${published(seen.cluster)}` };
  }
  if (!hasRule && seen.programs.length > 0) {
    return { why: `${seen.programs.join(', ')} listens on ${key} of this node, and ${text}`, remedy: 'Stop the program, or publish another number.' };
  }
  const unknown = hasRule || seen.cluster !== null ? '' : '; no cluster state is saved here, so nobody can tell whether a service publishes it';
  return { why: `${taker}${service === null ? '' : `service ${service.name} publishes ${key}, but `}${text}${unknown}`, remedy: byController(seen) };
}

/** Who takes it instead, as the beginning of a sentence; empty for nobody. */
function takerOf(seen: Observation, { decision, by }: Walk): string {
  if (by === null || (decision.type !== 'destination' && decision.type !== 'redirect')) return '';
  const isDockers = ownerOf(by.chain, seen.settings.names) === 'dockerd';
  const who = by.chain === 'DOCKER-INGRESS' ? 'dockerd’s own ingress' : isDockers ? 'a container that dockerd publishes by itself' : 'a rule that is not ours';
  return `${who} takes it (${nameOf(by)}): `;
}

/** What keeps a packet from being taken by our rule for it; `hasRule`: there is one. */
function flawOf(seen: Observation, key: string, packet: Packet, base: string): { readonly text: string; readonly hasRule: boolean } {
  const { chain: name } = seen.settings.names;
  const { document } = seen.host.iptables;
  const rules = chainOf(document, 'nat', name)?.rules;
  if (rules === undefined) return { text: `nat has no chain ${name}`, hasRule: false };
  if (rules.length === 0) return { text: `${name} is empty: somebody flushed it`, hasRule: false };
  const hasRule = rules.some(({ words }) => {
    const parsed = parseRule(words);
    return parsed.target === 'DNAT' && isFor(parsed, packet, surroundingsOf(seen.host)) === 'yes';
  });
  if (!hasRule) return { text: `${lackIn(seen, packet)} ${key}`, hasRule };
  const hasJump = chainOf(document, 'nat', base)?.rules.some(({ words }) => parseRule(words).target === name) === true;
  return { text: hasJump ? `the jump to ${name} comes too late` : `nat ${base} has no jump to ${name}`, hasRule };
}

/** Where the port should be: a rule, or the set of its protocol where the chain asks that. */
function lackIn({ host, settings }: Observation, { protocol }: Packet): string {
  const { chain } = settings.names;
  const set = portSetAskedBy(host.iptables.document, 'nat', chain, protocol);
  return set === null ? `${chain} has no rule for` : `set ${set}, which ${chain} asks, does not hold`;
}

function toPublish({ port, protocol }: TraceRequest): string {
  return `${port}:TARGET${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

function published({ services }: ClusterState): string {
  const most = 10;
  const keys = services.filter(({ removed }) => removed !== true).flatMap(({ ports }) => ports.map(({ protocol, published: port }) => portKey(protocol, port)));
  if (keys.length === 0) return 'Nothing is published.';
  return `Published are ${keys.slice(0, most).join(', ')}${keys.length > most ? ` and ${keys.length - most} more` : ''}.`;
}
