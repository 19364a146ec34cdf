/** Numbers of connection tracking over netlink. */

/** Subsystem of nfnetlink (linux/netfilter/nfnetlink.h): the upper byte of a message's type. */
export const NFNL_SUBSYS_CTNETLINK = 1;

/** The lower byte (enum cntl_msg_types, linux/netfilter/nfnetlink_conntrack.h). */
export const IPCTNL_MSG_CT_NEW = 0;
export const IPCTNL_MSG_CT_GET = 1;
export const IPCTNL_MSG_CT_DELETE = 2;

/** Attributes of an entry (enum ctattr_type, the same header). Numbers inside are in network byte order. */
export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;
export const CTA_STATUS = 3;
export const CTA_PROTOINFO = 4;
export const CTA_TIMEOUT = 7;
export const CTA_MARK = 8;
export const CTA_COUNTERS_ORIG = 9;
export const CTA_COUNTERS_REPLY = 10;
export const CTA_ID = 12;
export const CTA_ZONE = 18;

/** Inside of a tuple (enum ctattr_tuple, ctattr_ip, ctattr_l4proto). */
export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_TUPLE_ZONE = 3;
export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
export const CTA_IP_V6_SRC = 3;
export const CTA_IP_V6_DST = 4;
export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;

/** Inside of CTA_PROTOINFO (enum ctattr_protoinfo, ctattr_protoinfo_tcp, ctattr_protoinfo_sctp). */
export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_SCTP = 3;
export const CTA_PROTOINFO_TCP_STATE = 1;
export const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;
export const CTA_PROTOINFO_TCP_FLAGS_REPLY = 5;
export const CTA_PROTOINFO_SCTP_STATE = 1;

/** Inside of CTA_COUNTERS_* (enum ctattr_counters). */
export const CTA_COUNTERS_PACKETS = 1;
export const CTA_COUNTERS_BYTES = 2;

/** Bits of CTA_STATUS (enum ip_conntrack_status, linux/netfilter/nf_conntrack_common.h). */
export const IPS_SEEN_REPLY = 1 << 1;
export const IPS_ASSURED = 1 << 2;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;

/** Of struct nf_ct_tcp_flags (linux/netfilter/nf_conntrack_tcp.h): this sender sent the first FIN. */
export const IP_CT_TCP_FLAG_CLOSE_INIT = 0x04;

/** By number (enum tcp_conntrack, the same header; 9 is SYN_SENT2 since Linux 2.6.31). */
export const TCP_STATES = ['NONE', 'SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE', 'SYN_SENT2'] as const;

/** By number (enum sctp_conntrack, linux/netfilter/nf_conntrack_sctp.h). */
export const SCTP_STATES = [
  'NONE', 'CLOSED', 'COOKIE_WAIT', 'COOKIE_ECHOED', 'ESTABLISHED', 'SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT', 'HEARTBEAT_SENT', 'HEARTBEAT_ACKED',
] as const;
