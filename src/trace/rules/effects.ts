/** What a rule does to a packet that it is for: iptables(8) and iptables-extensions(8), TARGETS. */
import { isIPv4 } from 'node:net';
import type { ParsedRule } from './parsed-rule.js';

export type Effect =
  | { readonly type: 'accept' }
  | { readonly type: 'drop' }
  | { readonly type: 'reject' }
  | { readonly type: 'return' }
  /** To another chain. */
  | { readonly type: 'call'; readonly chain: string; readonly isGoto: boolean }
  /** DNAT; the port is null where it stays. */
  | { readonly type: 'destination'; readonly address: string; readonly port: number | null }
  /** REDIRECT: to this very namespace. */
  | { readonly type: 'redirect'; readonly port: number | null }
  /** SNAT; null: to the address of the device that it leaves by (MASQUERADE). */
  | { readonly type: 'source'; readonly address: string | null }
  /** A given one, under a mask. */
  | { readonly type: 'mark'; readonly of: 'packet' | 'connection'; readonly value: number; readonly mask: number }
  /** The one that a set has for the packet's port or address. */
  | { readonly type: 'mark-by-set'; readonly set: string; readonly directions: string }
  /** From one to the other. */
  | { readonly type: 'copy-mark'; readonly to: 'packet' | 'connection'; readonly packetMask: number; readonly connectionMask: number }
  | { readonly type: 'untrack' }
  /** Counts, logs, or changes what nobody here asks about. */
  | { readonly type: 'nothing' }
  /** Handed to a program, or to a module that we don't know: what becomes of it can't be told. */
  | { readonly type: 'unknown' };

const harmless: ReadonlySet<string> = new Set([
  'AUDIT', 'CHECKSUM', 'CLASSIFY', 'CONNSECMARK', 'DSCP', 'ECN', 'HMARK', 'IDLETIMER', 'LED', 'LOG', 'NFLOG', 'RATEEST', 'SECMARK', 'TCPMSS',
  'TCPOPTSTRIP', 'TEE', 'TOS', 'TRACE', 'TTL', 'ULOG',
]);
const everyBit = 0xffffffff;

/** `chains`: of the rule's table. */
export function effectOf(rule: ParsedRule, chains: { has(name: string): boolean }): Effect {
  const { target, targetOptions: options } = rule;
  if (target === null || harmless.has(target)) return { type: 'nothing' };
  if (chains.has(target)) return { type: 'call', chain: target, isGoto: rule.isGoto };
  switch (target) {
    case 'ACCEPT':
      return { type: 'accept' };
    case 'DROP':
      return { type: 'drop' };
    case 'REJECT':
      return { type: 'reject' };
    case 'RETURN':
      return { type: 'return' };
    case 'DNAT':
      return destination(options.get('--to-destination')?.[0] ?? '');
    case 'REDIRECT':
      return redirect(options.get('--to-ports')?.[0]);
    case 'SNAT':
      return source(options.get('--to-source')?.[0] ?? '');
    case 'MASQUERADE':
      return { type: 'source', address: null };
    case 'MARK':
      return mark('packet', options.get('--set-xmark') ?? options.get('--set-mark'));
    case 'CONNMARK':
      return connectionMark(options);
    case 'SET':
      return markBySet(options);
    case 'NOTRACK':
      return { type: 'untrack' };
    case 'CT':
      return { type: options.has('--notrack') ? 'untrack' : 'nothing' };
    default:
      return { type: 'unknown' };
  }
}

/** `172.30.0.2:8080`, `172.30.0.2`; a range of either is chosen from by the kernel. */
function destination(text: string): Effect {
  const [address = '', port] = text.split(':');
  if (!isIPv4(address) || (port !== undefined && !/^\d+$/.test(port))) return { type: 'unknown' };
  return { type: 'destination', address, port: port === undefined ? null : Number(port) };
}

function redirect(ports: string | undefined): Effect {
  if (ports !== undefined && !/^\d+$/.test(ports)) return { type: 'unknown' };
  return { type: 'redirect', port: ports === undefined ? null : Number(ports) };
}

function source(text: string): Effect {
  const [address = ''] = text.split(':');
  return isIPv4(address) ? { type: 'source', address } : { type: 'unknown' };
}

/** `0x61f90/0xffffffff`: the mask's bits are cleared, then the value's flipped (mark_tg() of net/netfilter/xt_mark.c). */
function mark(of: 'packet' | 'connection', values: readonly string[] | undefined): Effect {
  const [value, mask = everyBit] = (values?.[0] ?? '').split('/').map(Number);
  return values === undefined || value === undefined || Number.isNaN(value) || Number.isNaN(mask) ? { type: 'unknown' } : { type: 'mark', of, value, mask };
}

/** What else SET does changes the set, or what nobody here asks about. */
function markBySet(options: ParsedRule['targetOptions']): Effect {
  const [set = '', directions = ''] = options.get('--map-set') ?? [];
  return options.has('--map-set') && options.has('--map-mark') ? { type: 'mark-by-set', set, directions } : { type: 'nothing' };
}

function connectionMark(options: ParsedRule['targetOptions']): Effect {
  const to = options.has('--restore-mark') ? 'packet' : options.has('--save-mark') ? 'connection' : null;
  if (to === null) return mark('connection', options.get('--set-xmark') ?? options.get('--set-mark'));
  const maskOf = (option: string): number => Number(options.get(option)?.[0] ?? everyBit);
  return { type: 'copy-mark', to, packetMask: maskOf('--nfmask'), connectionMask: maskOf('--ctmask') };
}
