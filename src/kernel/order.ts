/**
 * The order in which a node's kernel is changed: what carries traffic is complete before traffic is sent to it, and
 * nothing is taken away that traffic is still sent to. Here and nowhere else.
 *
 * Up (additions and changes), each stage for all places that it names:
 *
 *   namespaces → the fabric's packet filter (closed before the first cable is plugged in; a new real server is let in
 *   before it is known to IPVS) → links → settings → addresses → neighbours and forwarding entries → routes → rules → IPVS → the sandbox's
 *   marks → the host's DNAT → placeholders
 *
 * Down (removals): the same stages backwards: no DNAT, then no mark, then no virtual service and real server, then no
 * route and cable, and last the fabric's admission.
 */
import type { Place } from '../plan/objects.js';
import { kinds, type Kind } from './change.js';

export interface Stage {
  readonly kind: Kind;
  /** Undefined: every place. */
  readonly place?: Place;
}

export const stages: readonly Stage[] = kinds.flatMap((kind): Stage[] => {
  switch (kind) {
    case 'namespace':
      return [{ kind }, { kind: 'iptables', place: 'fabric' }];
    case 'iptables':
      return [
        { kind, place: 'sandbox' },
        { kind, place: 'host' },
      ];
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
