/** Changes to sets, ready to be sent together. */

import { AF_INET } from '../constants.js';
import { bytes, nested, NLA_F_NESTED, NLA_F_NET_BYTEORDER, string, u32be, u8, type Attribute } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { netfilterMessage } from '../netlink/netfilter.js';
import {
  IPSET_ATTR_ADT, IPSET_ATTR_CADT_FLAGS, IPSET_ATTR_DATA, IPSET_ATTR_FAMILY, IPSET_ATTR_FLAGS, IPSET_ATTR_HASHSIZE, IPSET_ATTR_LINENO, IPSET_ATTR_MAXELEM,
  IPSET_ATTR_PORT, IPSET_ATTR_PORT_TO, IPSET_ATTR_PROTOCOL, IPSET_ATTR_REVISION, IPSET_ATTR_SETNAME, IPSET_ATTR_SETNAME2, IPSET_ATTR_TYPENAME, IPSET_CMD_ADD,
  IPSET_CMD_CREATE, IPSET_CMD_DEL, IPSET_CMD_DESTROY, IPSET_CMD_LIST, IPSET_CMD_RENAME, IPSET_CMD_SWAP, IPSET_FLAG_LIST_SETNAME, IPSET_FLAG_WITH_SKBINFO, IPSET_MAXNAMELEN,
  IPSET_PROTOCOL, NFNL_SUBSYS_IPSET,
} from './constants.js';
import { encodeEntries, mostEntries } from './entry-codec.js';
import type { IpSetEntry, IpSetType, NewIpSet } from './types.js';

/** The first revision of each type that has all that we ask for; a newer kernel takes it too (Linux 3.19 has all of them). */
const REVISIONS: Readonly<Record<IpSetType, number>> = { 'bitmap:port': 3, 'hash:ip,port': 5, 'hash:ip': 4 };
/** More than any node can hold: the kernel allots nothing for it. */
export const MOST_MEMBERS = 1 << 22;
const LEAST_HASH_SIZE = 1024;
/** linux/netfilter.h: of no family, as the ports of every one. */
const NFPROTO_UNSPEC = 0;

/** Refused when there is one with that name. */
export function createSet({ name, type, withMarks, expected }: NewIpSet): NetlinkMessage {
  const size = type === 'bitmap:port'
    ? [port(IPSET_ATTR_PORT, 0), port(IPSET_ATTR_PORT_TO, 0xffff)]
    : [number(IPSET_ATTR_HASHSIZE, Math.max(LEAST_HASH_SIZE, 2 ** Math.ceil(Math.log2(Math.max(1, expected / 4))))), number(IPSET_ATTR_MAXELEM, MOST_MEMBERS)];
  return message(IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL, `create set ${name} (${type})`, [
    nameOf(IPSET_ATTR_SETNAME, name),
    string(IPSET_ATTR_TYPENAME, type),
    u8(IPSET_ATTR_REVISION, REVISIONS[type]),
    u8(IPSET_ATTR_FAMILY, type === 'bitmap:port' ? NFPROTO_UNSPEC : AF_INET),
    nested(IPSET_ATTR_DATA, [...size, withMarks ? number(IPSET_ATTR_CADT_FLAGS, IPSET_FLAG_WITH_SKBINFO) : undefined]),
  ]);
}

/** Refused while a rule uses it. */
export function destroySet(name: string): NetlinkMessage {
  return message(IPSET_CMD_DESTROY, 0, `destroy set ${name}`, [nameOf(IPSET_ATTR_SETNAME, name)]);
}

/** Each gets the other's content, in one step that no packet sees half of; rules keep the name. Refused for different types. */
export function swapSets(one: string, other: string): NetlinkMessage {
  return message(IPSET_CMD_SWAP, 0, `swap sets ${one} and ${other}`, [nameOf(IPSET_ATTR_SETNAME, one), nameOf(IPSET_ATTR_SETNAME2, other)]);
}

export function renameSet(from: string, to: string): NetlinkMessage {
  return message(IPSET_CMD_RENAME, 0, `rename set ${from} to ${to}`, [nameOf(IPSET_ATTR_SETNAME, from), nameOf(IPSET_ATTR_SETNAME2, to)]);
}

/** Those that are there already get the mark. */
export function addEntries(set: Pick<NewIpSet, 'name' | 'type' | 'withMarks'>, entries: readonly IpSetEntry[]): NetlinkMessage[] {
  return entryMessages(IPSET_CMD_ADD, 'add', set, entries);
}

/** Those that are not there are passed over. */
export function deleteEntries({ name, type }: Pick<NewIpSet, 'name' | 'type'>, entries: readonly IpSetEntry[]): NetlinkMessage[] {
  return entryMessages(IPSET_CMD_DEL, 'delete', { name, type, withMarks: false }, entries);
}

/** With all that it holds. ENOENT when there is none. */
export function listSet(name: string): NetlinkMessage {
  return message(IPSET_CMD_LIST, 0, `list set ${name}`, [nameOf(IPSET_ATTR_SETNAME, name)]);
}

/** Names alone, whoever made them. */
export function listSetNames(): NetlinkMessage {
  return message(IPSET_CMD_LIST, 0, 'list the names of sets', [number(IPSET_ATTR_FLAGS, IPSET_FLAG_LIST_SETNAME)]);
}

/** Without NLM_F_EXCL what is (not) there already is no error (flag_exist() of net/netfilter/ipset/ip_set_core.c). */
function entryMessages(command: number, verb: string, { name, type, withMarks }: Pick<NewIpSet, 'name' | 'type' | 'withMarks'>, entries: readonly IpSetEntry[]): NetlinkMessage[] {
  const most = mostEntries(type, withMarks);
  const messages: NetlinkMessage[] = [];
  for (let start = 0; start < entries.length; start += most) {
    const some = entries.slice(start, start + most);
    messages.push(message(command, 0, `${verb} ${some.length} ${some.length === 1 ? 'entry' : 'entries'} of set ${name}`, [
      nameOf(IPSET_ATTR_SETNAME, name),
      // Entries without lines of their own: a refusal is an ordinary acknowledgement (call_ad()).
      u32be(IPSET_ATTR_LINENO, 0),
      bytes(IPSET_ATTR_ADT | NLA_F_NESTED, encodeEntries(type, withMarks, some)),
    ]));
  }
  return messages;
}

function message(command: number, flags: number, description: string, attributes: readonly (Attribute | undefined)[]): NetlinkMessage {
  return netfilterMessage({ subsystem: NFNL_SUBSYS_IPSET, command, family: AF_INET, flags, description }, [u8(IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL), ...attributes]);
}

/** Names become words of rules, too: nothing that needs a quote. */
function nameOf(type: number, name: string): Attribute {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) || name.length >= IPSET_MAXNAMELEN) {
    throw new TypeError(`Expected the name of a set (up to ${IPSET_MAXNAMELEN - 1} letters, digits, "_", "." and "-"), got ${JSON.stringify(name.slice(0, 80))}`);
  }
  return string(type, name);
}

function number(type: number, value: number): Attribute {
  return u32be(type | NLA_F_NET_BYTEORDER, value);
}

function port(type: number, value: number): Attribute {
  return bytes(type | NLA_F_NET_BYTEORDER, Uint8Array.of(value >> 8, value & 0xff));
}
