/** Members of sets in the kernel's words. */
import type { IpSetEntry } from '../../../native/index.js';
import { protocols, type Protocol } from '../../cluster/state.js';
import { hexOf, protocolNumbers } from '../../plan/fwmark.js';
import type { SetMember } from '../../plan/objects.js';

export function entryOf({ protocol, ...member }: SetMember): IpSetEntry {
  return protocol === undefined ? member : { ...member, protocol: protocolNumbers[protocol] };
}

/** A protocol that nobody publishes is kept by its number: no member of a plan is like it. */
export function memberOf({ protocol, ...entry }: IpSetEntry): SetMember {
  return protocol === undefined ? entry : { ...entry, protocol: protocols.find((name) => protocolNumbers[name] === protocol) ?? (String(protocol) as Protocol) };
}

/** `8080 (mark 0x61f90)`, `10.0.0.5,tcp:80`, `10.0.0.5`, as ipset(8) writes them. */
export function describeMember({ address, protocol, port, mark }: SetMember): string {
  if (address !== undefined) return protocol === undefined ? address : `${address},${protocol}:${port ?? 'any'}`;
  return `${port ?? 'nothing'}${mark === undefined ? '' : ` (mark ${mark < 0 ? 'of some bits' : hexOf(mark)})`}`;
}
