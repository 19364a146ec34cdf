/** Sets of the kernel (ipset(8)): what rules ask for a port or an address, at the same cost whatever they hold. */

/** Types that routemesh makes: all ports of one protocol as bits; addresses with protocol and port; addresses. */
export type IpSetType = 'bitmap:port' | 'hash:ip,port' | 'hash:ip';

export interface NewIpSet {
  readonly name: string;
  readonly type: IpSetType;
  /** Each entry brings a mark, for the target SET with --map-mark. */
  readonly withMarks: boolean;
  /** How many entries it will begin with, so that the kernel need not make it larger again and again. */
  readonly expected: number;
}

/** What a type has: a port and perhaps a mark; an address, protocol and port; an address. */
export interface IpSetEntry {
  /** IPv4. */
  readonly address?: string;
  /** IP protocol number. */
  readonly protocol?: number;
  readonly port?: number;
  /** All 32 bits of the packet's mark become this. */
  readonly mark?: number;
}

export interface ObservedIpSet {
  readonly name: string;
  /** Any of ipset(8)'s. */
  readonly type: string;
  readonly withMarks: boolean;
  /** False: its options are not those that routemesh makes sets with (another range of ports, a timeout, …), so that it can't hold the same. */
  readonly isPlain: boolean;
  readonly entries: readonly IpSetEntry[];
}
