/** Links: bridges, and veth pairs whose two ends are made in one message, each born in its own place. */
import { changeLink, createBridge, createVeth, createVxlan, deleteLink, type NetlinkMessage } from '../../../native/index.js';
import { goneCodes, sendEach } from '../batch.js';
import { asError, codeOf } from '../errors.js';
import type { Machine, OpenPlace } from '../machine.js';
import { linkAlias } from '../marks.js';
import { groupBy, tryEach, type Reconciler, type Refusal } from '../reconciler.js';
import { diffLinks, type LinkChange, type LinkWork } from './diff.js';
import { observeLinks } from './observe.js';

export const linkReconciler: Reconciler<'link', LinkChange> = {
  observe: (machine, places, onError) => Promise.resolve(observeLinks(machine, places, onError)),
  diff: diffLinks,
  apply: (machine, changes) => Promise.resolve(applyLinks(machine, changes)),
};

function applyLinks(machine: Machine, changes: readonly LinkChange[]): Refusal[] {
  const refusals: Refusal[] = [];
  // A bridge before the veths that are its ports; whole links before settings.
  const order: LinkWork['type'][] = ['make-bridge', 'make-veth', 'make-vxlan', 'settings', 'delete'];
  for (const type of order) {
    for (const [place, ofPlace] of groupBy(changes.filter(({ work }) => work.type === type), (change) => change.place)) {
      try {
        const open = machine.require(place);
        refusals.push(...applyType(machine, open, type, ofPlace));
      } catch (error) {
        refusals.push(...ofPlace.map((change) => ({ change, error: asError(error) })));
      }
      machine.beginPass();
    }
  }
  return refusals;
}

function applyType(machine: Machine, open: OpenPlace, type: LinkWork['type'], changes: readonly LinkChange[]): Refusal[] {
  if (type === 'make-veth') return makeVeths(machine, open, changes);
  if (type === 'make-vxlan') return tryEach(changes, (change) => { makeVxlan(machine, open, change); });
  return sendEach(open, changes, ({ work }) => messagesOf(open, work));
}

/** Asked for where its UDP socket belongs, born where it is used (rtnl_newlink_create() of net/core/rtnetlink.c). */
function makeVxlan(machine: Machine, open: OpenPlace, { work }: LinkChange): void {
  if (work.type !== 'make-vxlan') return;
  const { link, replaces } = work;
  if (replaces) deleteIfThere(open, link.name);
  const { name, mac, mtu, id, port, local } = link;
  machine
    .require(link.underlay)
    .routes()
    .execute([createVxlan({ name, macAddress: mac, mtu, id, port, local, learning: false, namespace: open.namespace })]);
  open.routes().execute([changeLink(name, { isUp: true, alias: linkAlias })]);
}

/**
 * One message makes both ends, each in its place; the peer's end is born down and brought up in a second one. Ends that
 * stand in the way go first, one by one: deleting one end takes its peer along, which may be the next.
 */
function makeVeths(machine: Machine, open: OpenPlace, changes: readonly LinkChange[]): Refusal[] {
  const refusals = sendEach(open, changes, ({ work }) => {
    if (work.type !== 'make-veth') return [];
    for (const { place, name } of work.replaces) deleteIfThere(machine.require(place), name);
    const [owner, peer] = [work.owner.link, work.peer.link];
    const peerPlace = machine.require(work.peer.place);
    if (peer.master !== undefined) throw new TypeError(`the end of a veth pair that is a bridge's port must own the pair (${peer.name} of ${peer.master})`);
    return [
      createVeth({
        name: owner.name,
        macAddress: owner.mac,
        mtu: owner.mtu,
        isUp: true,
        ...(owner.master === undefined ? {} : { masterIndex: open.indexOf(owner.master) }),
        peer: { name: peer.name, macAddress: peer.mac, mtu: peer.mtu, namespace: peerPlace.namespace },
      }),
      changeLink(owner.name, { alias: linkAlias }),
    ];
  });
  const refused = new Set(refusals.map(({ change }) => change));
  return [...refusals, ...tryEach(changes.filter((change) => !refused.has(change)), (change) => { bringPeerUp(machine, change); })];
}

function bringPeerUp(machine: Machine, { work }: LinkChange): void {
  if (work.type !== 'make-veth') return;
  const { place, link } = work.peer;
  machine.require(place).routes().execute([changeLink(link.name, { isUp: true, alias: linkAlias })]);
}

function messagesOf(open: OpenPlace, work: LinkWork): NetlinkMessage[] {
  switch (work.type) {
    case 'make-bridge': {
      const { name, mac, mtu } = work.link;
      // An MTU given at birth gives way to that of the ports; one that is set stays.
      const make = [createBridge({ name, macAddress: mac, isUp: true }), changeLink(name, { mtu, alias: linkAlias })];
      return work.replaces ? [deleteLink(name), ...make] : make;
    }
    case 'settings':
      return [
        changeLink(open.indexOf(work.name), {
          ...(work.mac === undefined ? {} : { macAddress: work.mac }),
          ...(work.mtu === undefined ? {} : { mtu: work.mtu }),
          ...(work.master === undefined ? {} : { masterIndex: work.master === null ? 0 : open.indexOf(work.master) }),
          ...(work.up === undefined ? {} : { isUp: true }),
        }),
      ];
    case 'delete':
      return [deleteLink(work.name)];
    case 'make-veth':
    case 'make-vxlan':
      return [];
  }
}

function deleteIfThere(open: OpenPlace, name: string): void {
  try {
    open.routes().execute([deleteLink(name)]);
  } catch (error) {
    if (!goneCodes.has(codeOf(error) ?? '')) throw error;
  }
}
