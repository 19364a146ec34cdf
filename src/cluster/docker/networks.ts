/** Which network gives a service's tasks the address that the whole cluster knows them by. */
import { quoteForPeople } from '../condition.js';
import { field, idOf, listOf, nameOf, textOf } from './json.js';
import type { RawCluster, RawObject } from './raw.js';

export interface OverlayNetwork {
  readonly id: string;
  readonly name: string;
  /** Swarm's own network of published ports. */
  readonly ingress: boolean;
  /** Only overlays have addresses that are unique in the whole cluster. */
  readonly overlay: boolean;
}

export type IdentityRule = { readonly kind: 'named'; readonly name: string } | { readonly kind: 'ingress' } | { readonly kind: 'only overlay' };

export type IdentityChoice = { readonly ok: true; readonly network: OverlayNetwork } | { readonly ok: false; readonly problem: string };

export type NetworksById = ReadonlyMap<string, OverlayNetwork>;

/** From the list of networks, and from what each task carries of its own: a network that came just now is known by its tasks. */
export function knownNetworks(raw: RawCluster): NetworksById {
  const known = new Map<string, OverlayNetwork>();
  for (const task of raw.tasks) {
    for (const attachment of listOf(task, 'NetworksAttachments')) {
      const network = attachedNetwork(attachment);
      if (network !== null) known.set(network.id, network);
    }
  }
  for (const listed of raw.networks) {
    const id = idOf(listed, 'Id');
    const name = nameOf(listed, 'Name');
    if (id === null || name === null) continue;
    known.set(id, { id, name, ingress: field(listed, 'Ingress') === true, overlay: textOf(listed, 'Driver') === 'overlay' });
  }
  return known;
}

/** A task's attachment carries the whole network object of swarmkit. */
function attachedNetwork(attachment: RawObject): OverlayNetwork | null {
  const id = idOf(attachment, 'Network', 'ID');
  const name = nameOf(attachment, 'Network', 'Spec', 'Name');
  if (id === null || name === null) return null;
  const driver = textOf(attachment, 'Network', 'DriverState', 'Name') ?? textOf(attachment, 'Network', 'Spec', 'DriverConfiguration', 'Name');
  return { id, name, ingress: field(attachment, 'Network', 'Spec', 'Ingress') === true, overlay: driver === 'overlay' };
}

/** The networks that the service asks for its tasks; the ingress network comes by itself with published ports. */
export function networksOfService(service: RawObject, publishesBySwarm: boolean, known: NetworksById): OverlayNetwork[] {
  // Spec.Networks is where API versions before 1.29 kept them.
  const asked = [...listOf(service, 'Spec', 'TaskTemplate', 'Networks'), ...listOf(service, 'Spec', 'Networks')];
  const targets = new Set(asked.map((network) => textOf(network, 'Target')));
  const vips = new Set(listOf(service, 'Endpoint', 'VirtualIPs').map((address) => textOf(address, 'NetworkID')));
  return [...known.values()].filter(
    (network) => targets.has(network.id) || targets.has(network.name) || vips.has(network.id) || (publishesBySwarm && network.ingress),
  );
}

export function chooseIdentityNetwork(rule: IdentityRule, attached: readonly OverlayNetwork[]): IdentityChoice {
  const own = attached.filter(({ overlay, ingress }) => overlay && !ingress);
  const names = own.map(({ name }) => quoteForPeople(name)).join(', ');
  switch (rule.kind) {
    case 'named': {
      const named = attached.find(({ name }) => name === rule.name);
      if (named?.overlay === true) return { ok: true, network: named };
      const problem =
        named === undefined
          ? `the label asks for network ${quoteForPeople(rule.name)}, to which the service is not attached${names === '' ? '' : ` (it is to ${names})`}`
          : `the label asks for network ${quoteForPeople(rule.name)}, which is no overlay, so its addresses are not known to the whole cluster`;
      return { ok: false, problem: `${problem}; the service is not served. Name an overlay that the service is attached to` };
    }
    case 'ingress': {
      const ingress = attached.find((network) => network.ingress);
      if (ingress !== undefined) return { ok: true, network: ingress };
      return { ok: false, problem: 'the Swarm has no ingress network (docker network create --ingress -d overlay ingress), and no label routemesh.network names another; the service is not served' };
    }
    case 'only overlay': {
      const [only, ...others] = own;
      if (only !== undefined && others.length === 0) return { ok: true, network: only };
      return {
        ok: false,
        problem:
          only === undefined
            ? 'the service is attached to no overlay network, which would give its tasks an address that the whole cluster knows; it is not served. Attach one with docker service update --network-add'
            : `the service is attached to ${names}; it is not served. Say with the label routemesh.network which of them gives the tasks their addresses`,
      };
    }
  }
}
