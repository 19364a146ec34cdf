/** Counters and rates (IPVS_STATS_ATTR_*, linux/ip_vs.h). */

import type { AttributeMap } from '../netlink/attributes.js';
import {
  IPVS_STATS_ATTR_CONNS, IPVS_STATS_ATTR_CPS, IPVS_STATS_ATTR_INBPS, IPVS_STATS_ATTR_INBYTES, IPVS_STATS_ATTR_INPKTS,
  IPVS_STATS_ATTR_INPPS, IPVS_STATS_ATTR_OUTBPS, IPVS_STATS_ATTR_OUTBYTES, IPVS_STATS_ATTR_OUTPKTS, IPVS_STATS_ATTR_OUTPPS,
} from './constants.js';
import type { IpvsStatistics } from './types.js';

/**
 * From STATS64 (Linux 4.1 and later) where there is one, else from STATS.
 * @param type64 attribute of STATS64 in `attributes`
 * @param type attribute of STATS
 */
export function decodeStatistics(attributes: AttributeMap, type64: number, type: number): IpvsStatistics {
  const wide = attributes.nested(type64);
  const narrow = wide === undefined ? attributes.nested(type) : undefined;
  const read = (counter: number): bigint => wide?.u64(counter) ?? readNarrow(narrow, counter);
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

/** 32 bits; bytes are 64. */
function readNarrow(stats: AttributeMap | undefined, counter: number): bigint {
  if (stats?.bytes(counter)?.length === 8) return stats.u64(counter) ?? 0n;
  return BigInt(stats?.u32(counter) ?? 0);
}
