import { isIPv4 } from 'node:net';
import { quoteForPeople, type Condition } from '../condition.js';
import type { ClusterNode } from '../state.js';
import { idOf, nameOf, textOf } from './json.js';
import type { Note, RawObject } from './raw.js';

export function convertNode(raw: RawObject): { node: ClusterNode | null; condition?: Condition; note?: Note } {
  const id = idOf(raw, 'ID');
  if (id === null) return { node: null, note: 'a node without a usable ID is skipped' };
  const name = nameOf(raw, 'Description', 'Hostname') ?? id;
  const told = nodeAddress(raw);
  const { address, condition } = labelledAddress(raw, { id, name }, told);
  if (address === null) {
    const message = 'Docker tells no IPv4 address of the node, so its tasks are not served; give it one with docker swarm join --advertise-addr';
    return { node: null, condition: { reason: 'TaskUnreachable', object: { kind: 'node', id, name }, message } };
  }
  const node = { id, name, address, ready: textOf(raw, 'Status', 'State') !== 'down' };
  return condition === undefined ? { node } : { node, condition };
}

/** A node of several networks says by a label of its own by which one its peers reach it. */
const addressLabel = 'routemesh.address';

function labelledAddress(raw: RawObject, { id, name }: { readonly id: string; readonly name: string }, told: string | null): { address: string | null; condition?: Condition } {
  const label = textOf(raw, 'Spec', 'Labels', addressLabel);
  if (label === null) return { address: told };
  if (isUsable(label) && Number(label.split('.')[0]) < 224) return { address: label };
  const instead = told === null ? 'it has no other' : `${told} is used instead`;
  const message = `label ${addressLabel} is ${quoteForPeople(label)}, expected the node's own IPv4 address such as 192.168.57.11; ${instead}`;
  return { address: told, condition: { reason: 'BadPolicy', object: { kind: 'node', id, name }, message } };
}

/**
 * The address that the managers saw the node come from. A manager sees itself as 0.0.0.0 or 127.0.0.1 (moby
 * issue 35437); its own ManagerStatus has the advertised address then.
 */
function nodeAddress(raw: RawObject): string | null {
  const seen = textOf(raw, 'Status', 'Addr') ?? '';
  if (isUsable(seen)) return seen;
  const advertised = (textOf(raw, 'ManagerStatus', 'Addr') ?? '').replace(/:\d+$/, '');
  return isUsable(advertised) ? advertised : null;
}

function isUsable(address: string): boolean {
  return isIPv4(address) && !address.startsWith('127.') && !address.startsWith('0.');
}
