/** The executors' table: one reconciler per kind, so that a kind without one does not compile. */
import { addressReconciler, type AddressChange } from './address.js';
import type { Kind } from './change.js';
import { fdbReconciler, type FdbChange } from './fdb.js';
import { iptablesReconciler } from './iptables/reconciler.js';
import type { IptablesChange } from './iptables/diff.js';
import { ipvsReconciler, type IpvsChange } from './ipvs.js';
import type { LinkChange } from './link/diff.js';
import { linkReconciler } from './link/reconciler.js';
import { namespaceReconciler, type NamespaceChange } from './namespace.js';
import { neighbourReconciler, type NeighbourChange } from './neighbour.js';
import { placeholderReconciler, type PlaceholderChange } from './placeholder.js';
import type { Reconciler } from './reconciler.js';
import { routeReconciler, type RouteChange } from './route.js';
import { ruleReconciler, type RuleChange } from './rule.js';
import type { SetChange } from './set/diff.js';
import { setReconciler } from './set/reconciler.js';
import { sysctlReconciler, type SysctlChange } from './sysctl.js';

export interface ChangeByKind {
  readonly namespace: NamespaceChange;
  readonly link: LinkChange;
  readonly sysctl: SysctlChange;
  readonly address: AddressChange;
  readonly neighbour: NeighbourChange;
  readonly fdb: FdbChange;
  readonly route: RouteChange;
  readonly rule: RuleChange;
  readonly ipvs: IpvsChange;
  readonly set: SetChange;
  readonly iptables: IptablesChange;
  readonly placeholder: PlaceholderChange;
}

/** A change with all that is needed to apply it. */
export type KernelChange = ChangeByKind[Kind];

export const reconcilers: { readonly [K in Kind]: Reconciler<K, ChangeByKind[K]> } = {
  namespace: namespaceReconciler,
  link: linkReconciler,
  sysctl: sysctlReconciler,
  address: addressReconciler,
  neighbour: neighbourReconciler,
  fdb: fdbReconciler,
  route: routeReconciler,
  rule: ruleReconciler,
  ipvs: ipvsReconciler,
  set: setReconciler,
  iptables: iptablesReconciler,
  placeholder: placeholderReconciler,
};
