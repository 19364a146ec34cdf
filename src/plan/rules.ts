/**
 * Every iptables rule that routemesh writes, in the words and the order in which iptables-save prints it.
 * Arguments come from parsed values only; `kernel/iptables` refuses any word outside a closed alphabet all the same.
 */
import type { Ipv4Address, Protocol } from '../cluster/state.js';
import { hexOf } from './fwmark.js';
import type { RuleWords } from './iptables.js';
import type { MacAddress } from './objects.js';

const localDestination = ['-m', 'addrtype', '--dst-type', 'LOCAL'];
const repliesAndRelated = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'];

function toPort(protocol: Protocol, port: number): string[] {
  return ['-p', protocol, '-m', protocol, '--dport', String(port)];
}

/** Host: what is addressed to this node looks for a published port first. */
export function jumpForLocalDestinations(chain: string): RuleWords {
  return [...localDestination, '-j', chain];
}

export function jump(chain: string): RuleWords {
  return ['-j', chain];
}

/** Host: the node's own connections must come back to it, so they leave for the sandbox with the bridge's address. */
export function masqueradeOwnConnections(gatewayBridge: string): RuleWords {
  return ['-o', gatewayBridge, '-m', 'addrtype', '--src-type', 'LOCAL', '-j', 'MASQUERADE'];
}

/** Host: route_localnet lets 127.0.0.1 be published; nobody behind the bridge may use it to reach the node's loopback. */
export function dropMartians(gatewayBridge: string): RuleWords {
  return ['-d', '127.0.0.0/8', '-i', gatewayBridge, '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT', '-j', 'DROP'];
}

/** Host: a published port goes to the sandbox. */
export function publish(protocol: Protocol, port: number, sandbox: Ipv4Address): RuleWords {
  return [...toPort(protocol, port), '-j', 'DNAT', '--to-destination', `${sandbox}:${port}`];
}

/** Of the packet's destination: its port, or its address and port. */
function inSet(set: string, what: 'dst' | 'dst,dst'): string[] {
  return ['-m', 'set', '--match-set', set, what];
}

/** Host: every port of a set goes to the sandbox, and stays the port that it is. */
export function publishSet(protocol: Protocol, set: string, sandbox: Ipv4Address): RuleWords {
  return ['-p', protocol, ...inSet(set, 'dst'), '-j', 'DNAT', '--to-destination', sandbox];
}

/** Host: new connections to the sandbox, by published port. */
export function acceptNewToSandbox(protocol: Protocol, port: number, sandbox: Ipv4Address, gatewayBridge: string): RuleWords {
  return ['-d', `${sandbox}/32`, '-o', gatewayBridge, ...toPort(protocol, port), '-j', 'ACCEPT'];
}

/** Host: the same for every port of a set. */
export function acceptNewOfSet(protocol: Protocol, set: string, sandbox: Ipv4Address, gatewayBridge: string): RuleWords {
  return ['-d', `${sandbox}/32`, '-o', gatewayBridge, '-p', protocol, ...inSet(set, 'dst'), '-j', 'ACCEPT'];
}

/** Host: packets of connections that were accepted pass before the ports are walked, so their cost does not grow with the ports. */
export function acceptKnownToSandbox(sandbox: Ipv4Address, gatewayBridge: string): RuleWords {
  return ['-d', `${sandbox}/32`, '-o', gatewayBridge, ...repliesAndRelated, '-j', 'ACCEPT'];
}

/** Host: replies, and the ICMP errors that belong to them. */
export function acceptKnownFromSandbox(sandbox: Ipv4Address, gatewayBridge: string): RuleWords {
  return ['-s', `${sandbox}/32`, '-i', gatewayBridge, ...repliesAndRelated, '-j', 'ACCEPT'];
}

/** Sandbox: a published port's packets carry its mark, by which IPVS knows them. */
export function mark(device: string, protocol: Protocol, port: number, fwmark: number): RuleWords {
  return ['-i', device, ...toPort(protocol, port), '-j', 'MARK', '--set-xmark', `${hexOf(fwmark)}/0xffffffff`];
}

/** Sandbox: every port of a set gets the mark that the set has for it. */
export function markBySet(device: string, protocol: Protocol, set: string): RuleWords {
  return ['-i', device, '-p', protocol, '-j', 'SET', '--map-set', set, 'dst', '--map-mark'];
}

/** Sandbox: `source-ip=snat`, the task sees the router address instead of the client's. */
export function translateSource(fwmark: number, router: Ipv4Address): RuleWords {
  return ['-m', 'mark', '--mark', hexOf(fwmark), '-j', 'SNAT', '--to-source', router];
}

function fromPort(protocol: Protocol, port: number): string[] {
  return ['-p', protocol, '-m', protocol, '--sport', String(port)];
}

/** Sandbox: connection tracking keeps a task's datagrams apart from those of other tasks, and from the requests. */
export function zoneOfReplies(device: string, task: Ipv4Address, port: number, zone: number): RuleWords {
  return ['-s', `${task}/32`, '-i', device, ...fromPort('udp', port), '-j', 'CT', '--zone', String(zone)];
}

/** Sandbox: a task's datagram leaves as from the port that the client asked. */
export function translateReply(device: string, task: Ipv4Address, port: number, sandbox: Ipv4Address, published: number): RuleWords {
  return ['-s', `${task}/32`, '-o', device, ...fromPort('udp', port), '-j', 'SNAT', '--to-source', `${sandbox}:${published}`];
}

/** Fabric: what belongs to a connection that was let in, both ways. */
export function acceptKnown(): RuleWords {
  return [...repliesAndRelated, '-j', 'ACCEPT'];
}

/** Fabric: new connections from the own sandbox to a published port of a task. */
export function admit(from: string, task: Ipv4Address, to: string, protocol: Protocol, port: number): RuleWords {
  return ['-d', `${task}/32`, '-i', from, '-o', to, ...toPort(protocol, port), '-j', 'ACCEPT'];
}

/** Fabric: the same from a peer; a connection without a number is no known peer's. */
export function admitFromPeer(from: string, task: Ipv4Address, to: string, protocol: Protocol, port: number, numberMask: number): RuleWords {
  return ['-d', `${task}/32`, '-i', from, '-o', to, ...toPort(protocol, port), '-m', 'connmark', '!', '--mark', `0x0/${hexOf(numberMask)}`, '-j', 'ACCEPT'];
}

/** Fabric: new connections from the own sandbox to any endpoint of a set. */
export function admitSet(from: string, to: string, set: string): RuleWords {
  return ['-i', from, '-o', to, ...inSet(set, 'dst,dst'), '-j', 'ACCEPT'];
}

/** Fabric: the same from a peer. */
export function admitSetFromPeer(from: string, to: string, set: string, numberMask: number): RuleWords {
  return ['-i', from, '-o', to, ...inSet(set, 'dst,dst'), '-m', 'connmark', '!', '--mark', `0x0/${hexOf(numberMask)}`, '-j', 'ACCEPT'];
}

const echoRequest = ['-p', 'icmp', '-m', 'icmp', '--icmp-type', '8'];

/** Fabric: the own sandbox asks peers, and their tasks, whether they are there. */
export function letProbesOut(router: Ipv4Address, fromDevice: string, toDevice: string): RuleWords {
  return ['-s', `${router}/32`, '-i', fromDevice, '-o', toDevice, ...echoRequest, '-j', 'ACCEPT'];
}

/** Fabric: a peer's sandbox asks this one. */
export function admitProbe(from: Ipv4Address, fromDevice: string, to: Ipv4Address, toDevice: string): RuleWords {
  return ['-s', `${from}/32`, '-d', `${to}/32`, '-i', fromDevice, '-o', toDevice, ...echoRequest, '-j', 'ACCEPT'];
}

/** Fabric: a peer's sandbox asks one of the tasks here. */
export function admitProbeOfTask(routers: string, fromDevice: string, toDevice: string, numberMask: number): RuleWords {
  return ['-s', routers, '-i', fromDevice, '-o', toDevice, ...echoRequest, '-m', 'connmark', '!', '--mark', `0x0/${hexOf(numberMask)}`, '-j', 'ACCEPT'];
}

/** Fabric: a new connection that comes from a peer is looked at by who sent it; the packets after it are not. */
export function sortOutNewFromPeers(device: string, chain: string): RuleWords {
  return ['-i', device, '-m', 'conntrack', '--ctstate', 'NEW', '-j', chain];
}

/** Fabric: a request that comes from a peer is looked at by who sent it. */
export function sortOutPeers(device: string, task: Ipv4Address, chain: string): RuleWords {
  return ['-d', `${task}/32`, '-i', device, '-j', chain];
}

/** Fabric: the same for all tasks of a set. */
export function sortOutPeersOfSet(device: string, set: string, chain: string): RuleWords {
  return ['-i', device, ...inSet(set, 'dst'), '-j', chain];
}

/** Fabric: connection tracking keeps what comes from a peer apart from what others send under the same addresses and ports. */
export function zoneOfPeer(mac: MacAddress, number: number): RuleWords {
  return ['-m', 'mac', '--mac-source', mac, '-j', 'CT', '--zone-orig', String(number)];
}

/** Fabric: the connection remembers the peer that it came from. */
export function rememberPeer(mac: MacAddress, number: number, mask: number): RuleWords {
  return ['-m', 'mac', '--mac-source', mac, '-j', 'CONNMARK', '--set-xmark', `${hexOf(number)}/${hexOf(mask)}`];
}

/** Fabric: a task's reply carries the number of the peer that the connection came from. */
export function restorePeer(device: string, mask: number): RuleWords {
  return ['-i', device, '-j', 'CONNMARK', '--restore-mark', '--nfmask', hexOf(mask), '--ctmask', hexOf(mask)];
}

/** Host: VXLAN that is meant for the fabric is looked at by who sent it. */
export function sortOutVxlan(port: number, chain: string): RuleWords {
  return [...toPort('udp', port), '-j', chain];
}

/**
 * Host: VXLAN to this node is not tracked. Each flow in the tunnel has a source port of its own (RFC 7348, 5), each way:
 * connection tracking would make two entries on two nodes for each connection of a client, which nobody asks for.
 */
export function leaveVxlanUntracked(port: number): RuleWords {
  return [...toPort('udp', port), ...localDestination, '-j', 'CT', '--notrack'];
}

/** Host: nor is what it sends. */
export function leaveOwnVxlanUntracked(port: number): RuleWords {
  return [...toPort('udp', port), '-j', 'CT', '--notrack'];
}

/** Host: a peer's VXLAN goes on to whatever rules the node's owner has. */
export function letPeer(address: Ipv4Address): RuleWords {
  return ['-s', `${address}/32`, '-j', 'RETURN'];
}
