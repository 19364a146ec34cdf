/** Numbers of the socket layer that several modules share. */

/** Address families (linux/socket.h). */
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;

/** Socket types (asm-generic, linux/net.h). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;

/** IP protocol numbers (linux/in.h). */
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_SCTP = 132;

/** setsockopt levels and options (asm-generic/socket.h; linux/socket.h for SOL_NETLINK). */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_RCVBUF = 8;
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;

/** unshare/setns: a network namespace (linux/sched.h). */
export const CLONE_NEWNET = 0x40000000;

/** mount(2) and umount2(2) flags (linux/mount.h; sys/mount.h for MNT_DETACH). */
export const MS_BIND = 1 << 12;
export const MS_REC = 1 << 14;
export const MS_SHARED = 1 << 20;
export const MNT_DETACH = 2;

/** f_type of a namespace's file in statfs(2) (linux/magic.h). */
export const NSFS_MAGIC = 0x6e736673;

/** True when this machine, and so netlink, is little-endian. */
export const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
