/** The sandbox of either mesh. Only reads. */
import { readdirSync } from 'node:fs';
import { enter, NetworkNamespace, readSysctl, SystemError } from '../../native/index.js';
import { lookAtIptables } from '../kernel/iptables/look.js';
import { OpenPlace } from '../kernel/machine.js';
import type { IpvsTimeouts } from '../plan/objects.js';
import { readVirtualServices } from '../trace/read-ipvs.js';
import { readNetwork } from '../trace/read-network.js';
import { readSeenSets } from '../trace/read-sets.js';
import type { SeenSandbox } from './observation.js';

/** Null: there is no such namespace. Rejects where it can't be entered (not root). */
export async function readSandbox(path: string): Promise<SeenSandbox | null> {
  const namespace = openNamespace(path);
  if (namespace === null) return null;
  const open = new OpenPlace('sandbox', namespace, true);
  try {
    const sysctls = ['net/ipv4/ip_forward', ...ipvsSettings(namespace)];
    return {
      path,
      addresses: readNetwork(open.routes(), namespace, 'sandbox', [], []).addresses,
      sysctls: Object.fromEntries(sysctls.flatMap((name): [string, string][] => {
        const value = readSysctl(name.split('/'), namespace);
        return value === undefined ? [] : [[name, value]];
      })),
      iptables: await lookAtIptables(namespace),
      sets: readSeenSets(open),
      ipvs: readVirtualServices(open),
      timeouts: timeoutsOf(open),
    };
  } finally {
    open.close();
  }
}

function openNamespace(path: string): NetworkNamespace | null {
  try {
    return NetworkNamespace.at(path);
  } catch (error) {
    // ENOENT: no file; EINVAL: a file whose namespace is gone.
    if (error instanceof SystemError && (error.code === 'ENOENT' || error.code === 'EINVAL')) return null;
    throw error;
  }
}

/** Documentation/networking/ipvs-sysctl.rst of the kernel; none where IPVS is not there. */
function ipvsSettings(namespace: NetworkNamespace): string[] {
  return enter(namespace, () => {
    try {
      return readdirSync('/proc/sys/net/ipv4/vs').sort().map((name) => `net/ipv4/vs/${name}`);
    } catch {
      return [];
    }
  });
}

function timeoutsOf(open: OpenPlace): IpvsTimeouts | null {
  try {
    const { tcpSeconds, tcpFinSeconds, udpSeconds } = open.ipvs().timeouts();
    return { tcp: tcpSeconds, tcpFin: tcpFinSeconds, udp: udpSeconds };
  } catch {
    return null;
  }
}
