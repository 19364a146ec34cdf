/** Numbers of sets over netlink (linux/netfilter/ipset/ip_set.h, unless said otherwise). */

/** Subsystem of nfnetlink (linux/netfilter/nfnetlink.h): the upper byte of a message's type. */
export const NFNL_SUBSYS_IPSET = 6;

/** Understood by every kernel: those of protocol 7 (Linux 4.20) take it too (protocol_min_failed() of net/netfilter/ipset/ip_set_core.c). */
export const IPSET_PROTOCOL = 6;
/** Longest name, with its closing NUL. */
export const IPSET_MAXNAMELEN = 32;

/** The lower byte (enum ipset_cmd). */
export const IPSET_CMD_CREATE = 2;
export const IPSET_CMD_DESTROY = 3;
export const IPSET_CMD_RENAME = 5;
export const IPSET_CMD_SWAP = 6;
export const IPSET_CMD_LIST = 7;
export const IPSET_CMD_ADD = 9;
export const IPSET_CMD_DEL = 10;

/** Attributes of a message. */
export const IPSET_ATTR_PROTOCOL = 1;
export const IPSET_ATTR_SETNAME = 2;
export const IPSET_ATTR_TYPENAME = 3;
/** Of RENAME and SWAP: the same number as IPSET_ATTR_TYPENAME. */
export const IPSET_ATTR_SETNAME2 = 3;
export const IPSET_ATTR_REVISION = 4;
export const IPSET_ATTR_FAMILY = 5;
export const IPSET_ATTR_FLAGS = 6;
export const IPSET_ATTR_DATA = 7;
/** Many entries at once. */
export const IPSET_ATTR_ADT = 8;
export const IPSET_ATTR_LINENO = 9;

/** Attributes of a set's options and of its entries. Numbers are in network byte order. */
export const IPSET_ATTR_IP = 1;
export const IPSET_ATTR_PORT = 4;
export const IPSET_ATTR_PORT_TO = 5;
export const IPSET_ATTR_TIMEOUT = 6;
export const IPSET_ATTR_PROTO = 7;
export const IPSET_ATTR_CADT_FLAGS = 8;
export const IPSET_ATTR_HASHSIZE = 18;
export const IPSET_ATTR_MAXELEM = 19;
export const IPSET_ATTR_NETMASK = 20;
export const IPSET_ATTR_SKBMARK = 27;
/** Inside of IPSET_ATTR_IP. */
export const IPSET_ATTR_IPADDR_IPV4 = 1;

/** Of IPSET_ATTR_FLAGS (enum ipset_cmd_flags): names alone. */
export const IPSET_FLAG_LIST_SETNAME = 1 << 1;
/** Of IPSET_ATTR_CADT_FLAGS (enum ipset_cadt_flags): entries bring marks. */
export const IPSET_FLAG_WITH_SKBINFO = 1 << 6;

/** Refusals that are no errno (enum ipset_errno; those of hashes are in linux/netfilter/ipset/ip_set_hash.h). */
export const IPSET_ERR_BUSY = 4100;
export const IPSET_ERR_TYPE_MISMATCH = 4102;
export const IPSET_ERROR_TEXTS: Readonly<Record<number, string>> = {
  4097: 'it does not speak this version of the protocol',
  4098: 'it has no such type of set; the module is missing or older',
  4099: 'it holds as many sets as it may',
  4100: 'the set is in use by a rule',
  4101: 'there is a set with the second name',
  4102: 'the two sets are of different types',
  4103: 'it is there already, or is not there',
  4352: 'the set is full',
};
