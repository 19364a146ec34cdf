/** Policy routing rules: RTM_*RULE (linux/fib_rules.h). */

import { isLittleEndian } from '../constants.js';
import { familyNumber, familyOfNumber, formatPrefix, parsePrefix, type AddressFamily } from '../inet.js';
import { bytes, integers, string, u32, u8, view, type Attribute, type AttributeMap } from '../netlink/attributes.js';
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/constants.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import type { NetlinkMessage } from '../netlink/message.js';
import {
  FIB_RULE_INVERT, FRA_DPORT_RANGE, FRA_DST, FRA_FWMARK, FRA_FWMASK, FRA_IIFNAME, FRA_IP_PROTO, FRA_OIFNAME, FRA_PRIORITY,
  FRA_PROTOCOL, FRA_SPORT_RANGE, FRA_SRC, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, RT_TABLE_COMPAT, RT_TABLE_MAIN, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE,
} from './constants.js';
import { FIB_RULE_HDR_LENGTH, optional, routeMessage, splitMessage } from './headers.js';
import { ruleActions } from './names.js';
import type { NewRule, PortRange, Rule } from './types.js';

/** FRA_SUPPRESS_PREFIXLEN of a rule that suppresses nothing: -1. */
const SUPPRESSES_NOTHING = 0xffffffff;

/** EEXIST when the very same rule is there. Rules can't be replaced: add the new one, then delete the old. */
export function addRule(rule: NewRule): NetlinkMessage {
  return ruleMessage('add', RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

/** Deletes the first rule that has all that is given. ENOENT when there is none. */
export function deleteRule(rule: NewRule): NetlinkMessage {
  return ruleMessage('delete', RTM_DELRULE, 0, rule);
}

/** For `dump`. */
export function dumpRules(family: AddressFamily): NetlinkMessage {
  return routeMessage(`list rules (${family})`, RTM_GETRULE, 0, Uint8Array.of(familyNumber(family), ...new Uint8Array(FIB_RULE_HDR_LENGTH - 1)), []);
}

function ruleMessage(verb: string, type: number, flags: number, rule: NewRule): NetlinkMessage {
  const from = rule.from === undefined ? undefined : parsePrefix(rule.from);
  const to = rule.to === undefined ? undefined : parsePrefix(rule.to);
  const family = rule.family ?? from?.family ?? to?.family ?? 'inet';
  const action = rule.action ?? 'lookup';
  const table = rule.table ?? (action === 'lookup' && type === RTM_NEWRULE ? RT_TABLE_MAIN : 0);
  const header = new Uint8Array(FIB_RULE_HDR_LENGTH);
  header.set([familyNumber(family), to?.length ?? 0, from?.length ?? 0, 0, table < 256 ? table : RT_TABLE_COMPAT, 0, 0, ruleActions.toNumber(action)]);
  view(header).setUint32(8, rule.isInverted === true ? FIB_RULE_INVERT : 0, isLittleEndian);
  return routeMessage(`${verb} rule ${describeRule(rule)}`, type, flags, header, [
    u32(FRA_PRIORITY, rule.priority),
    prefixAttribute(FRA_SRC, from),
    prefixAttribute(FRA_DST, to),
    table === 0 ? undefined : u32(FRA_TABLE, table),
    optional(rule.inputInterface, (name) => string(FRA_IIFNAME, name)),
    optional(rule.outputInterface, (name) => string(FRA_OIFNAME, name)),
    optional(rule.fwmark, (mark) => u32(FRA_FWMARK, mark)),
    optional(rule.fwmask, (mask) => u32(FRA_FWMASK, mask)),
    optional(rule.protocol, (protocol) => u8(FRA_PROTOCOL, protocol)),
    optional(rule.suppressPrefixLength, (length) => u32(FRA_SUPPRESS_PREFIXLEN, length)),
    optional(rule.ipProtocol, (number) => u8(FRA_IP_PROTO, number)),
    optional(rule.sourcePorts, (range) => portRange(FRA_SPORT_RANGE, range)),
    optional(rule.destinationPorts, (range) => portRange(FRA_DPORT_RANGE, range)),
  ]);
}

function prefixAttribute(type: number, prefix: { bytes: Uint8Array; length: number } | undefined): Attribute | undefined {
  return prefix === undefined || prefix.length === 0 ? undefined : bytes(type, prefix.bytes);
}

/** struct fib_rule_port_range: two 16-bit numbers in the machine's own byte order. */
function portRange(type: number, { first, last }: PortRange): Attribute {
  return integers(type, 2, [first, last]);
}

function decodePortRange(attributes: AttributeMap, type: number): PortRange | undefined {
  const payload = attributes.bytes(type);
  if (payload === undefined) return undefined;
  if (payload.length !== 4) throw new NetlinkDecodeError(`rule with a port range of ${payload.length} bytes`);
  return { first: view(payload).getUint16(0, isLittleEndian), last: view(payload).getUint16(2, isLittleEndian) };
}

/** "101: from 10.0.0.5/32 lookup 100", for error texts. */
export function describeRule(rule: NewRule): string {
  const words = [`${rule.priority}:`];
  if (rule.isInverted === true) words.push('not');
  if (rule.from !== undefined) words.push(`from ${rule.from}`);
  if (rule.to !== undefined) words.push(`to ${rule.to}`);
  if (rule.fwmark !== undefined) words.push(`fwmark 0x${rule.fwmark.toString(16)}`);
  if (rule.ipProtocol !== undefined) words.push(`ipproto ${rule.ipProtocol}`);
  if (rule.sourcePorts !== undefined) words.push(`sport ${describePorts(rule.sourcePorts)}`);
  if (rule.destinationPorts !== undefined) words.push(`dport ${describePorts(rule.destinationPorts)}`);
  if (rule.inputInterface !== undefined) words.push(`iif ${rule.inputInterface}`);
  if (rule.outputInterface !== undefined) words.push(`oif ${rule.outputInterface}`);
  words.push(String(rule.action ?? 'lookup'));
  if (rule.table !== undefined) words.push(String(rule.table));
  return words.join(' ');
}

function describePorts({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** Decodes the payload of an RTM_NEWRULE; undefined for families other than IP. Throws NetlinkDecodeError. */
export function decodeRule(payload: Uint8Array): Rule | undefined {
  const { header, attributes } = splitMessage(payload, FIB_RULE_HDR_LENGTH);
  const family = familyOfNumber(header.getUint8(0));
  if (family === undefined) return undefined;
  const prefix = (type: number, length: number): string | undefined => {
    const value = attributes.bytes(type);
    if (value === undefined) return undefined;
    if (value.length !== (family === 'inet' ? 4 : 16)) throw new NetlinkDecodeError(`rule with a prefix of ${value.length} bytes`);
    return formatPrefix(value, length);
  };
  const action = ruleActions.toWord(header.getUint8(7));
  const suppress = attributes.u32(FRA_SUPPRESS_PREFIXLEN);
  const fwmark = attributes.u32(FRA_FWMARK);
  return {
    family,
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    action,
    table: action === 'lookup' ? attributes.u32(FRA_TABLE) ?? header.getUint8(4) : undefined,
    from: prefix(FRA_SRC, header.getUint8(2)),
    to: prefix(FRA_DST, header.getUint8(1)),
    inputInterface: attributes.string(FRA_IIFNAME),
    outputInterface: attributes.string(FRA_OIFNAME),
    fwmark,
    fwmask: attributes.u32(FRA_FWMASK) ?? (fwmark === undefined ? undefined : 0xffffffff),
    protocol: attributes.u8(FRA_PROTOCOL) ?? 0,
    suppressPrefixLength: suppress === SUPPRESSES_NOTHING ? undefined : suppress,
    ipProtocol: attributes.u8(FRA_IP_PROTO),
    sourcePorts: decodePortRange(attributes, FRA_SPORT_RANGE),
    destinationPorts: decodePortRange(attributes, FRA_DPORT_RANGE),
    isInverted: (header.getUint32(8, isLittleEndian) & FIB_RULE_INVERT) !== 0,
  };
}
