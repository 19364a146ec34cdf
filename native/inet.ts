/** Text ↔ bytes for IP addresses, prefixes and MAC addresses. Strict: a bad text is a TypeError that says what was expected. */

/** Dotted IPv4 or RFC 5952 IPv6 text. */
export type IpAddress = string;
/** An address and a prefix length: "10.0.0.0/24", "fd00::1/64". */
export type IpPrefix = string;
/** Six hexadecimal bytes, lower case: "02:42:0a:00:00:04". */
export type MacAddress = string;
/** Which IP: IPv4 is `inet`, IPv6 is `inet6`, as iproute2 says. */
export type AddressFamily = 'inet' | 'inet6';
