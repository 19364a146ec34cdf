/** Everything that one node's kernel should hold for the mesh: the plan's result. */
import type { Condition } from '../cluster/condition.js';
import type { Protocol } from '../cluster/state.js';
import type { IptablesPlan } from './iptables.js';
import type { Address, ForwardingEntry, IpvsTimeouts, KernelSet, Link, Neighbour, Placeholder, Place, Route, RoutingRule, Sysctl, VirtualService } from './objects.js';

/** What one network namespace should hold. */
export interface PlacePlan {
  readonly place: Place;
  /** The namespace's file; null for the host's own. A `named` one is made and deleted by us. */
  readonly namespace: { readonly path: string; readonly named: boolean } | null;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly neighbours: readonly Neighbour[];
  readonly forwarding: readonly ForwardingEntry[];
  readonly routes: readonly Route[];
  readonly rules: readonly RoutingRule[];
  readonly sysctls: readonly Sysctl[];
  readonly sets: readonly KernelSet[];
  readonly iptables: IptablesPlan;
  readonly virtualServices: readonly VirtualService[];
  readonly ipvsTimeouts: IpvsTimeouts | null;
  readonly placeholders: readonly Placeholder[];
}

/** A published port as this node serves it, for `status`, `plan` and messages. */
export interface ServedPort {
  readonly protocol: Protocol;
  readonly published: number;
  readonly fwmark: number;
  /** False: the service is gone; connections that exist are kept, new ones are none of ours. */
  readonly accepting: boolean;
  readonly serviceId: string;
  readonly serviceName: string;
  readonly backends: readonly Backend[];
}

export interface Backend {
  readonly taskId: string;
  readonly taskName: string;
  readonly nodeId: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

export interface NodePlan {
  readonly nodeId: string;
  /** In the order in which they are built: host, sandbox, fabric, then tasks by id. Host first holds the bridge that the sandbox's cable needs; its DNAT is still applied last. */
  readonly places: readonly PlacePlan[];
  readonly ports: readonly ServedPort[];
  readonly conditions: readonly Condition[];
}
