/** nftables, as far as one must know it to leave it alone: whether a namespace's rules are still those that were read. */

import { AF_UNSPEC } from './constants.js';
import { NETLINK_NETFILTER } from './netlink/constants.js';
import { NetlinkError } from './netlink/errors.js';
import { netfilterAttributes, netfilterMessage } from './netlink/netfilter.js';
import { NetlinkSocket } from './netlink/socket.js';
import type { NetworkNamespace } from './netns.js';

/** linux/netfilter/nfnetlink.h. */
const NFNL_SUBSYS_NFTABLES = 10;
/** enum nf_tables_msg_types and enum nft_gen_attributes of linux/netfilter/nf_tables.h. */
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;

export class Nftables {
  private constructor(private readonly socket: NetlinkSocket) {}

  /** In a namespace (this thread's own when left out). An open handle keeps the namespace alive. @throws SystemError */
  static open(namespace?: NetworkNamespace): Nftables {
    return new Nftables(NetlinkSocket.open(NETLINK_NETFILTER, namespace));
  }

  /** Idempotent. */
  close(): void {
    this.socket.close();
  }

  /**
   * A number that is another one after every change of any rule, chain, set or table of the namespace, whoever made it
   * (nf_tables_commit() of the kernel). iptables of the nft back end changes it too, iptables-legacy does not. Null where
   * the kernel has no nftables.
   */
  generation(): number | null {
    // Of no family: it is the whole namespace's.
    const [result] = this.socket.request([netfilterMessage({ subsystem: NFNL_SUBSYS_NFTABLES, command: NFT_MSG_GETGEN, family: AF_UNSPEC, description: 'get generation of nftables' }, [])]);
    if (result?.ok === true) {
      const [reply] = result.replies;
      return reply === undefined ? null : (netfilterAttributes(reply.payload).u32be(NFTA_GEN_ID) ?? null);
    }
    if (result?.error instanceof NetlinkError && ['EINVAL', 'EOPNOTSUPP'].includes(result.error.code)) return null;
    throw result?.error ?? new Error('nothing was asked');
  }
}
