/**
 * Every iptables rule that routemesh writes, in the words and the order in which iptables-save prints it.
 * Arguments come from parsed values only; `kernel/iptables` refuses any word outside a closed alphabet all the same.
 */
import type { Ipv4Address, Protocol } from '../cluster/state.js';
import { hexOf } from './fwmark.js';
import type { RuleWords } from './iptables.js';

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

/** Host: new connections to the sandbox, by published port. */
export function acceptNewToSandbox(protocol: Protocol, port: number, sandbox: Ipv4Address, gatewayBridge: string): RuleWords {
  return ['-d', `${sandbox}/32`, '-o', gatewayBridge, ...toPort(protocol, port), '-j', 'ACCEPT'];
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

/** Sandbox: `source-ip=snat`, the task sees the router address instead of the client's. */
export function translateSource(fwmark: number, router: Ipv4Address): RuleWords {
  return ['-m', 'mark', '--mark', hexOf(fwmark), '-j', 'SNAT', '--to-source', router];
}

/** Fabric: what belongs to a connection that was let in, both ways. */
export function acceptKnown(): RuleWords {
  return [...repliesAndRelated, '-j', 'ACCEPT'];
}

/** Fabric: new connections, from the own sandbox to a published port of a local task. */
export function admit(from: string, task: Ipv4Address, to: string, protocol: Protocol, port: number): RuleWords {
  return ['-d', `${task}/32`, '-i', from, '-o', to, ...toPort(protocol, port), '-j', 'ACCEPT'];
}
