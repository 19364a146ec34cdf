/** What the process itself needs: Linux, a Node that is new enough, root with the right capabilities. */
import { fail, ok, type Finding } from './finding.js';
import type { Probes } from './probes.js';

const oldestNode = [20, 19] as const;

export function checkPlatform({ platform, kernelRelease }: Pick<Probes, 'platform' | 'kernelRelease'>): Finding[] {
  return platform === 'linux'
    ? [ok('operating system', `Linux ${kernelRelease}`)]
    : [fail('operating system', `this is ${platform}; the mesh is made of the Linux kernel's own parts`, 'Run routemesh on a Linux host or in a Linux virtual machine.')];
}

export function checkNode({ nodeVersion }: Pick<Probes, 'nodeVersion'>): Finding[] {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const newEnough = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  return newEnough
    ? [ok('node', `Node ${nodeVersion}`)]
    : [fail('node', `Node ${nodeVersion} is older than ${oldestNode.join('.')}`, `Install Node ${oldestNode.join('.')} or newer.`)];
}

/** Numbers of linux/capability.h, with what each is needed for. */
export const neededCapabilities: readonly { readonly name: string; readonly bit: number; readonly purpose: string }[] = [
  { name: 'NET_ADMIN', bit: 12, purpose: 'links, routes, iptables, IPVS' },
  { name: 'SYS_ADMIN', bit: 21, purpose: 'network namespaces and their mounts' },
  { name: 'SYS_PTRACE', bit: 19, purpose: "the tasks' namespaces in /proc" },
  { name: 'NET_BIND_SERVICE', bit: 10, purpose: 'holding published ports below 1024' },
];

export async function checkPrivileges({ userId, readText }: Pick<Probes, 'userId' | 'readText'>): Promise<Finding[]> {
  if (userId !== 0) return [fail('root', `this runs as user ${userId}`, 'Run it as root: only root changes routes, iptables and IPVS. With sudo: `sudo routemesh …`.')];
  const status = await readText('/proc/self/status');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  if (effective === undefined) return [ok('root', 'root')];
  const bits = BigInt(`0x${effective}`);
  const missing = neededCapabilities.filter(({ bit }) => (bits & (1n << BigInt(bit))) === 0n);
  if (missing.length === 0) return [ok('root', 'root with all capabilities that are needed')];
  return missing.map(({ name, purpose }) =>
    fail(`capability ${name}`, `root, but without CAP_${name} (${purpose})`, `In a container, start it with --cap-add ${name}; in a systemd unit, add CAP_${name} to CapabilityBoundingSet.`),
  );
}
