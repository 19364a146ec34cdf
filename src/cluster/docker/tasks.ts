import { isIPv4 } from 'node:net';
import type { ClusterNode, Identity, Task } from '../state.js';
import { parseWhole } from '../policy-grammar/values.js';
import { idOf, listOf, numberOf, textOf } from './json.js';
import { chooseIdentityNetwork, type IdentityRule, type NetworksById, type OverlayNetwork } from './networks.js';
import type { Note, RawObject } from './raw.js';

export interface ServiceOfTask {
  readonly id: string;
  readonly name: string;
  readonly rule: IdentityRule;
}

/**
 * The states in which a task has its place and its addresses and is about to run. Its container's namespace comes before
 * `running` does: Swarm says that only once the container has started, and is healthy where it can tell.
 */
const statesBefore: ReadonlySet<string> = new Set(['ready', 'starting']);

/** Null task without a note: it takes no connections and nobody need hear of it. */
export function convertTask(
  raw: RawObject,
  service: ServiceOfTask,
  /** The one that it is on, where that is known. */
  node: ClusterNode | undefined,
  known: NetworksById,
): { task: Task | null; note?: Note } {
  const state = textOf(raw, 'Status', 'State') ?? '';
  const desired = textOf(raw, 'DesiredState');
  const isStarting = statesBefore.has(state) && (desired === 'running' || desired === 'ready');
  if (state !== 'running' && !isStarting) return { task: null };
  const id = idOf(raw, 'ID');
  if (id === null || node === undefined) return { task: null, note: `a task of ${service.name} without a usable ID or node is skipped` };
  if (!node.ready) return { task: null };

  const identity = identityOf(raw, service.rule, known);
  if (identity === null) return isStarting ? { task: null } : { task: null, note: `task ${id} of ${service.name} has no address on the service's network, so it is not served` };
  return {
    task: {
      id,
      name: `${service.name}.${slotOf(raw) ?? node.name}`,
      serviceId: service.id,
      nodeId: node.id,
      identity,
      weight: desired === 'running' && !isStarting ? 1 : 0,
      ...(isStarting ? { starting: true } : {}),
    },
  };
}

/** Tasks of a global service have none. */
function slotOf(raw: RawObject): number | null {
  const slot = numberOf(raw, 'Slot');
  return slot === 0 ? null : slot;
}

/**
 * Chosen for each task anew, from the networks that it is attached to: while an update moves a service from one
 * overlay to another, its old tasks stay on the old one and are served until they go.
 */
function identityOf(raw: RawObject, rule: IdentityRule, known: NetworksById): Identity | null {
  const attached = new Map<OverlayNetwork, Identity>();
  for (const attachment of listOf(raw, 'NetworksAttachments')) {
    const network = known.get(textOf(attachment, 'Network', 'ID') ?? '');
    const identity = listOf(attachment, 'Addresses').map(parseIdentity).find((address) => address !== null);
    if (network !== undefined && identity !== undefined) attached.set(network, identity);
  }
  const choice = chooseIdentityNetwork(rule, [...attached.keys()]);
  return choice.ok ? (attached.get(choice.network) ?? null) : null;
}

/** `10.0.0.5/24` */
function parseIdentity(value: unknown): Identity | null {
  if (typeof value !== 'string') return null;
  const [address = '', prefix = '', ...rest] = value.split('/');
  const prefixLength = parseWhole(prefix, 1, 32);
  return isIPv4(address) && prefixLength !== null && rest.length === 0 ? { address, prefixLength } : null;
}
