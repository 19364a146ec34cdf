/** Counters and rates (IPVS_STATS_ATTR_*, linux/ip_vs.h). */

import type { AttributeMap } from '../netlink/attributes.js';
import {
  IPVS_STATS_ATTR_CONNS, IPVS_STATS_ATTR_CPS, IPVS_STATS_ATTR_INBPS, IPVS_STATS_ATTR_INBYTES, IPVS_STATS_ATTR_INPKTS,
  IPVS_STATS_ATTR_INPPS, IPVS_STATS_ATTR_OUTBPS, IPVS_STATS_ATTR_OUTBYTES, IPVS_STATS_ATTR_OUTPKTS, IPVS_STATS_ATTR_OUTPPS,
} from './constants.js';
import type { IpvsStatistics } from './types.js';

/** From STATS64 (Linux 4.1 and later) where there is one, else from STATS. */
export function decodeStatistics(stats64: AttributeMap | undefined, stats: AttributeMap | undefined): IpvsStatistics {
  const read = (type: number): bigint => {
    const wide = stats64?.u64(type);
    if (wide !== undefined) return wide;
    const narrow = stats?.bytes(type);
    if (narrow?.length === 8) return stats?.u64(type) ?? 0n;
    return BigInt(stats?.u32(type) ?? 0);
  };
  return {
    connections: read(IPVS_STATS_ATTR_CONNS),
    incomingPackets: read(IPVS_STATS_ATTR_INPKTS),
    outgoingPackets: read(IPVS_STATS_ATTR_OUTPKTS),
    incomingBytes: read(IPVS_STATS_ATTR_INBYTES),
    outgoingBytes: read(IPVS_STATS_ATTR_OUTBYTES),
    connectionsPerSecond: read(IPVS_STATS_ATTR_CPS),
    incomingPacketsPerSecond: read(IPVS_STATS_ATTR_INPPS),
    outgoingPacketsPerSecond: read(IPVS_STATS_ATTR_OUTPPS),
    incomingBytesPerSecond: read(IPVS_STATS_ATTR_INBPS),
    outgoingBytesPerSecond: read(IPVS_STATS_ATTR_OUTBPS),
  };
}
