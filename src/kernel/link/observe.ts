/** Links of all places, with each veth's other end where the plan says it should be. */
import type { Link as KernelLink } from '../../../native/index.js';
import type { PlacePlan } from '../../plan/node-plan.js';
import type { Place } from '../../plan/objects.js';
import { taskDevice } from '../../plan/devices.js';
import { asError } from '../errors.js';
import type { Machine, OpenPlace } from '../machine.js';
import { linkAlias } from '../marks.js';
import { isKernelDevice, ownsWholly } from '../ownership.js';
import type { ObservedLink, ObservedVxlan } from '../state.js';

export function observeLinks(machine: Machine, places: readonly PlacePlan[], onError: (place: Place, error: Error) => void): Map<Place, ObservedLink[]> {
  const states = new Map<Place, ObservedLink[]>();
  const looked = new Set(places.map(({ place }) => place));
  for (const plan of places) {
    try {
      const open = machine.open(plan.place);
      if (open !== undefined) states.set(plan.place, readLinks(machine, open, plan, looked));
    } catch (error) {
      onError(plan.place, asError(error));
    }
  }
  return states;
}

function readLinks(machine: Machine, open: OpenPlace, plan: PlacePlan, looked: ReadonlySet<Place>): ObservedLink[] {
  const peers = new Map(plan.links.flatMap((link) => (link.kind === 'veth' ? [[link.name, link.peer]] : [])));
  const names = new Map(open.links().map(({ index, name }) => [index, name]));
  return open
    .links()
    .filter((link) => isOurs(link, plan))
    .map((link) => ({
      name: link.name,
      kind: link.kind ?? '',
      mac: link.macAddress ?? '',
      mtu: link.mtu,
      master: link.masterIndex === undefined ? null : (names.get(link.masterIndex) ?? `#${link.masterIndex}`),
      up: link.isUp,
      peer: peerOf(machine, open, link, peers.get(link.name), looked),
      vxlan: vxlanOf(machine, open, link),
    }));
}

function isOurs(link: KernelLink, plan: PlacePlan): boolean {
  if (ownsWholly(plan)) return !isKernelDevice(link.name);
  if (plan.place !== 'host') return link.name === taskDevice;
  return plan.links.some(({ name }) => name === link.name) || link.alias === linkAlias;
}

/** The planned peer, if the link's other end is it; null otherwise. Where nobody looks, the right namespace is enough. */
function peerOf(
  machine: Machine,
  open: OpenPlace,
  link: KernelLink,
  planned: { readonly place: Place; readonly name: string } | undefined,
  looked: ReadonlySet<Place>,
): ObservedLink['peer'] {
  if (planned === undefined || link.kind !== 'veth' || link.peerIndex === undefined) return null;
  const other = machine.open(planned.place);
  if (other === undefined) return null;
  const isThere = link.peerNamespaceId === undefined ? other.namespace.isSameAs(open.namespace) : open.routes().namespaceId(other.namespace) === link.peerNamespaceId;
  if (!isThere) return null;
  if (!looked.has(planned.place)) return planned;
  return other.links().some(({ index, name }) => index === link.peerIndex && name === planned.name) ? planned : null;
}

function vxlanOf(machine: Machine, open: OpenPlace, { vxlan, peerNamespaceId }: KernelLink): ObservedVxlan | null {
  if (vxlan === undefined) return null;
  // The kernel names the namespace of the UDP socket where it is another than the device's (vxlan_get_link_net()).
  const isInHost = peerNamespaceId !== undefined && open.routes().namespaceId(machine.host) === peerNamespaceId;
  const underlay = peerNamespaceId === undefined ? open.place : isInHost ? 'host' : null;
  return { id: vxlan.id, port: vxlan.port, local: vxlan.local ?? '', underlay, learning: vxlan.learning };
}
