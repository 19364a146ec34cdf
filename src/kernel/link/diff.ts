/**
 * Links as they should be against links as they are. Looks at all places at once: a veth pair spans two, and is made
 * (or made again) as one.
 */
import type { BridgeLink, Link, Place, VethLink, VxlanLink } from '../../plan/objects.js';
import type { Action, Change } from '../change.js';
import type { PlacePair } from '../reconciler.js';
import type { ObservedLink } from '../state.js';

export interface LinkEnd {
  readonly place: Place;
  readonly link: VethLink;
}

export type LinkWork =
  /** Whatever stands where the pair's ends belong is deleted first. */
  | { readonly type: 'make-veth'; readonly owner: LinkEnd; readonly peer: LinkEnd; readonly replaces: readonly { readonly place: Place; readonly name: string }[] }
  | { readonly type: 'make-bridge'; readonly link: BridgeLink; readonly replaces: boolean }
  | { readonly type: 'make-vxlan'; readonly link: VxlanLink; readonly replaces: boolean }
  /** Only what differs is set. */
  | { readonly type: 'settings'; readonly name: string; readonly mac?: string; readonly mtu?: number; readonly master?: string | null; readonly up?: true }
  | { readonly type: 'delete'; readonly name: string };

export interface LinkChange extends Change {
  readonly kind: 'link';
  readonly work: LinkWork;
  readonly device: string;
}

export function diffLinks(pairs: readonly PlacePair[]): LinkChange[] {
  const found = new Map(pairs.map(({ observed }) => [observed.place, new Map(observed.link.map((link) => [link.name, link]))]));
  const at = (place: Place, name: string): ObservedLink | undefined => found.get(place)?.get(name);
  const ends = new Map(pairs.flatMap(({ desired }) => desired.links.flatMap((link) => (link.kind === 'veth' ? [[`${desired.place} ${link.name}`, { place: desired.place, link }]] : []))));

  const changes: LinkChange[] = [];
  for (const { desired, observed } of pairs) {
    for (const link of desired.links) {
      if (link.kind === 'bridge') {
        changes.push(...diffBridge(desired.place, link, at(desired.place, link.name)));
      } else if (link.kind === 'vxlan') {
        changes.push(...diffVxlan(desired.place, link, at(desired.place, link.name)));
      } else if (link.owner) {
        const peer = ends.get(`${link.peer.place} ${link.peer.name}`);
        if (peer !== undefined) changes.push(...diffVeth({ place: desired.place, link }, peer, at));
      }
    }
    const wanted = new Set(desired.links.map(({ name }) => name));
    for (const { name, kind } of observed.link) {
      if (wanted.has(name)) continue;
      changes.push(change('remove', desired.place, name, `link ${name}${kind === '' ? '' : ` (${kind})`}`, { type: 'delete', name }));
    }
  }
  return changes;
}

function diffBridge(place: Place, link: BridgeLink, observed: ObservedLink | undefined): LinkChange[] {
  if (observed?.kind === 'bridge') return diffSettings(place, link, observed);
  const replaces = observed !== undefined;
  return [change('add', place, link.name, `bridge ${link.name}${replaces ? ` in place of a link of kind ${observed.kind}` : ''}`, { type: 'make-bridge', link, replaces })];
}

/** Id, port, address and underlay of a VXLAN device can't be changed while it lives: it is made again. */
function diffVxlan(place: Place, link: VxlanLink, observed: ObservedLink | undefined): LinkChange[] {
  const found = observed?.vxlan ?? null;
  const isOurs =
    found !== null && found.id === link.id && found.port === link.port && found.local === link.local && found.underlay === link.underlay && !found.learning;
  if (observed !== undefined && isOurs) return diffSettings(place, link, observed);
  const why = observed === undefined ? '' : found === null ? ` in place of a link of kind ${observed.kind}` : ' (made again: it is set up otherwise)';
  const summary = `vxlan ${link.name} id ${link.id} port ${link.port} local ${link.local}${why}`;
  return [change('add', place, link.name, summary, { type: 'make-vxlan', link, replaces: observed !== undefined })];
}

function diffVeth(owner: LinkEnd, peer: LinkEnd, at: (place: Place, name: string) => ObservedLink | undefined): LinkChange[] {
  const [here, there] = [at(owner.place, owner.link.name), at(peer.place, peer.link.name)];
  const belongTogether = here !== undefined && there !== undefined && isPeer(here, peer) && isPeer(there, owner);
  if (belongTogether) return [...diffSettings(owner.place, owner.link, here), ...diffSettings(peer.place, peer.link, there)];

  const replaces = [
    ...(here === undefined ? [] : [{ place: owner.place, name: owner.link.name }]),
    ...(there === undefined ? [] : [{ place: peer.place, name: peer.link.name }]),
  ];
  const why = replaces.length === 0 ? '' : replaces.length === 2 ? ' (made again: its ends are not each other’s)' : ' (made again: the other end is gone)';
  const summary = `veth ${owner.link.name} ↔ ${peer.link.name} in ${peer.place}${why}`;
  return [change('add', owner.place, owner.link.name, summary, { type: 'make-veth', owner, peer, replaces })];
}

function isPeer(link: ObservedLink, end: LinkEnd): boolean {
  return link.kind === 'veth' && link.peer?.place === end.place && link.peer.name === end.link.name;
}

function diffSettings(place: Place, desired: Link, observed: ObservedLink): LinkChange[] {
  const master = desired.kind === 'veth' ? (desired.master ?? null) : null;
  const work: LinkWork = {
    type: 'settings',
    name: desired.name,
    ...(desired.mac === observed.mac ? {} : { mac: desired.mac }),
    ...(desired.mtu === observed.mtu ? {} : { mtu: desired.mtu }),
    ...(master === observed.master ? {} : { master }),
    ...(observed.up ? {} : { up: true }),
  };
  const words = [
    ...(work.mac === undefined ? [] : [`address ${observed.mac} → ${work.mac}`]),
    ...(work.mtu === undefined ? [] : [`mtu ${observed.mtu} → ${work.mtu}`]),
    ...(work.master === undefined ? [] : [`master ${observed.master ?? 'none'} → ${work.master ?? 'none'}`]),
    ...(work.up === undefined ? [] : ['down → up']),
  ];
  return words.length === 0 ? [] : [change('change', place, desired.name, `link ${desired.name} ${words.join(', ')}`, work)];
}

function change(action: Action, place: Place, name: string, summary: string, work: LinkWork): LinkChange {
  return { kind: 'link', place, action, key: name, summary, work, device: name };
}
