/** How many connections IPVS keeps for each real server. */
import type { OpenPlace } from './machine.js';

export interface ConnectionCount {
  readonly active: number;
  readonly inactive: number;
}

/** Names a real server of a virtual service. */
export function connectionKey(fwmark: number, address: string, port: number): string {
  return `${fwmark} ${address}:${port}`;
}

/** Of some virtual services, by `connectionKey`. Empty where IPVS can't be asked. */
export function connectionCounts(sandbox: OpenPlace | undefined, fwmarks: readonly number[]): Map<string, ConnectionCount> {
  const counts = new Map<string, ConnectionCount>();
  if (sandbox === undefined) return counts;
  try {
    const ipvs = sandbox.ipvs();
    for (const fwmark of fwmarks) {
      for (const { address, port, activeConnections, inactiveConnections } of ipvs.destinations({ kind: 'fwmark', family: 'inet', fwmark })) {
        counts.set(connectionKey(fwmark, address, port), { active: activeConnections, inactive: inactiveConnections });
      }
    }
  } catch {
    return new Map(); // No IPVS (yet), or the namespace is just going: the next pass tells what is wrong.
  }
  return counts;
}
