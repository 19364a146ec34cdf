/**
 * The order in which a node's kernel is changed: what carries traffic is complete before traffic is sent to it, and
 * nothing is taken away that traffic is still sent to. Here and nowhere else.
 *
 * Up (additions and changes), each stage for all places that it names:
 *
 *   namespaces → the fabric's sets and packet filter (closed before the first cable is plugged in; a new real server is
 *   let in before it is known to IPVS) → links → settings → addresses → neighbours and forwarding entries → routes → rules → IPVS → the sandbox's
 *   marks → the host's DNAT → placeholders; of each place's rules, the sets that they ask before them
 *
 * Down (removals): the same stages backwards: no DNAT, then no mark, then no virtual service and real server, then no
 * route and cable, and last the fabric's admission.
 *
 * A port that closes, because its service is left to dockerd or removed, goes down too, although its last connections
 * keep its real servers: they lose their weight only when no DNAT leads to them any more. IPVS refuses what comes to a
 * service whose real servers have no weight, and whoever connects in that instant is to be answered by dockerd instead.
 */
import type { NodePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { kinds, type Change, type Kind } from './change.js';
import type { IpvsChange } from './ipvs.js';

export interface Stage {
  readonly kind: Kind;
  /** Undefined: every place. */
  readonly place?: Place;
}

export const stages: readonly Stage[] = kinds.flatMap((kind): Stage[] => {
  switch (kind) {
    case 'namespace':
      return [{ kind }, { kind: 'set', place: 'fabric' }, { kind: 'iptables', place: 'fabric' }];
    case 'iptables':
      return [
        { kind: 'set', place: 'sandbox' },
        { kind, place: 'sandbox' },
        { kind: 'set', place: 'host' },
        { kind, place: 'host' },
      ];
    case 'set':
      return [];
    case 'link':
    case 'sysctl':
    case 'address':
    case 'neighbour':
    case 'fdb':
    case 'route':
    case 'rule':
    case 'ipvs':
    case 'placeholder':
      return [{ kind }];
  }
});

export function belongsTo(stage: Stage, change: { readonly kind: Kind; readonly place: Place }): boolean {
  return change.kind === stage.kind && (stage.place === undefined || change.place === stage.place);
}

/** Position of a change in `stages`. */
export function stageIndexOf(change: { readonly kind: Kind; readonly place: Place }): number {
  return stages.findIndex((stage) => belongsTo(stage, change));
}

/** Fwmarks of ports that take no new connections, and whose last ones are kept. */
export function closedMarks({ ports }: Pick<NodePlan, 'ports'>): ReadonlySet<number> {
  return new Set(ports.filter(({ accepting }) => !accepting).map(({ fwmark }) => fwmark));
}

export function isOfClosedPort({ subject }: Pick<IpvsChange, 'subject'>, closed: ReadonlySet<number>): boolean {
  return subject.type !== 'timeouts' && subject.service.kind === 'fwmark' && closed.has(subject.service.fwmark);
}

/** `closed`: `closedMarks` of the plan that the change is for. */
export function goesDown(change: Change | IpvsChange, closed: ReadonlySet<number>): boolean {
  return change.action === 'remove' || (closed.size > 0 && 'subject' in change && change.kind === 'ipvs' && isOfClosedPort(change, closed));
}
