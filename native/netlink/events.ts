/** What a multicast message of the kernel is about: as much of it as tells whether it concerns somebody. */

import { AF_INET, AF_UNSPEC } from '../constants.js';
import { decodeAddress } from '../rtnetlink/addresses.js';
import { decodeLink } from '../rtnetlink/links.js';
import { decodeRoute } from '../rtnetlink/routes.js';
import { decodeMessages, type ReceivedMessage } from './message.js';
import { netfilterAttributes } from './netfilter.js';

/** What a monitor can listen for. `nftables` sees iptables-nft's changes too; iptables-legacy tells nobody. IPVS has no events at all. */
export type MonitorTopic = 'link' | 'address' | 'route' | 'rule' | 'neighbour' | 'nftables';

export interface KernelEvent {
  readonly topic: MonitorTopic;
  /** Of links, and of addresses and routes that are on one: the device's index. */
  readonly linkIndex?: number | undefined;
  /** Of links. `kind`: of virtual devices only, as in `Link`. */
  readonly link?: { readonly name: string; readonly kind: string | undefined; readonly isGone: boolean };
  /** Of addresses. */
  readonly isIpv4?: boolean;
  /** Of nftables: the chain that it is about, or a rule of which it is about. */
  readonly chain?: string | undefined;
}

/** Message types of rtnetlink come in fours from RTM_BASE (RTM_FAM in linux/rtnetlink.h). */
const TOPIC_OF_TYPE: ReadonlyMap<number, Exclude<MonitorTopic, 'nftables'>> = new Map([[0, 'link'], [1, 'address'], [2, 'route'], [3, 'neighbour'], [4, 'rule']]);
const RTM_BASE = 16;
const RTM_DELLINK = 17;

/** enum nf_tables_msg_types, nft_chain_attributes and nft_rule_attributes of linux/netfilter/nf_tables.h. */
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_DELCHAIN = 5;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;
const NFT_MSG_NEWGEN = 15;
const NFTA_CHAIN_NAME = 3;
const NFTA_RULE_CHAIN = 2;

/** Of a datagram of rtnetlink. `topicsOnly`: nobody asks for more of them. Throws NetlinkDecodeError when it was cut. */
export function routeEvents(datagram: Uint8Array, topicsOnly: boolean): KernelEvent[] {
  return decodeMessages(datagram).flatMap((message) => {
    const topic = TOPIC_OF_TYPE.get((message.type - RTM_BASE) >> 2);
    if (topic === undefined) return [];
    return [topicsOnly ? { topic } : routeEvent(topic, message)];
  });
}

/** struct ifinfomsg, ifaddrmsg and rtmsg begin with the family. */
function routeEvent(topic: Exclude<MonitorTopic, 'nftables'>, { type, payload }: ReceivedMessage): KernelEvent {
  if (topic === 'link') {
    const { index, name, kind } = decodeLink(payload);
    // Of the bridge's family it tells of a port that leaves it (br_ifinfo_notify() in net/bridge/br_netlink.c).
    return { topic, linkIndex: index, link: { name, kind, isGone: type === RTM_DELLINK && payload[0] === AF_UNSPEC } };
  }
  if (topic === 'address') return { topic, linkIndex: decodeAddress(payload)?.linkIndex, isIpv4: payload[0] === AF_INET };
  if (topic === 'route') return { topic, linkIndex: decodeRoute(payload)?.linkIndex };
  return { topic };
}

/** Of a datagram of nfnetlink. Throws NetlinkDecodeError when it was cut. */
export function nftablesEvents(datagram: Uint8Array): KernelEvent[] {
  return decodeMessages(datagram).flatMap(({ type, payload }): KernelEvent[] => {
    switch (type & 0xff) {
      // Each transaction ends with one: it says nothing that those before it have not said.
      case NFT_MSG_NEWGEN:
        return [];
      case NFT_MSG_NEWRULE:
      case NFT_MSG_DELRULE:
        return [{ topic: 'nftables', chain: netfilterAttributes(payload).string(NFTA_RULE_CHAIN) }];
      case NFT_MSG_NEWCHAIN:
      case NFT_MSG_DELCHAIN:
        return [{ topic: 'nftables', chain: netfilterAttributes(payload).string(NFTA_CHAIN_NAME) }];
      default:
        return [{ topic: 'nftables' }];
    }
  });
}
