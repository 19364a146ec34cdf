/** Parts of the kernel that the mesh is made of: built in, loaded, loadable or missing. */
import { gunzipSync } from 'node:zlib';
import { fail, ok, warn, type Finding } from './finding.js';
import type { Probes } from './probes.js';

interface Module {
  readonly name: string;
  readonly purpose: string;
  /** The mesh works without it, but for what `purpose` says. */
  readonly optional?: true;
  /** The symbol of the kernel's configuration, for kernels without a list of modules. */
  readonly symbol: string;
}

export const modules: readonly Module[] = [
  { name: 'veth', purpose: 'cables between the namespaces', symbol: 'VETH' },
  { name: 'bridge', purpose: 'the gateway bridge', symbol: 'BRIDGE' },
  { name: 'nf_conntrack', purpose: 'connection tracking', symbol: 'NF_CONNTRACK' },
  { name: 'nf_nat', purpose: 'address translation', symbol: 'NF_NAT' },
  { name: 'ip_vs', purpose: 'load balancing', symbol: 'IP_VS' },
  { name: 'ip_vs_rr', purpose: "scheduler rr, the mesh's default", symbol: 'IP_VS_RR' },
  { name: 'xt_addrtype', purpose: 'rules for local addresses', symbol: 'NETFILTER_XT_MATCH_ADDRTYPE' },
  { name: 'xt_conntrack', purpose: 'rules by connection state', symbol: 'NETFILTER_XT_MATCH_CONNTRACK' },
  { name: 'xt_mark', purpose: 'marks by published port', symbol: 'NETFILTER_XT_MARK' },
  { name: 'xt_nat', purpose: 'DNAT and SNAT', symbol: 'NETFILTER_XT_NAT' },
  { name: 'xt_MASQUERADE', purpose: "the node's own connections", symbol: 'NETFILTER_XT_TARGET_MASQUERADE' },
  { name: 'xt_tcpudp', purpose: 'rules by tcp and udp port', symbol: 'NETFILTER_XTABLES' },
  { name: 'xt_sctp', purpose: 'published sctp ports', symbol: 'NETFILTER_XT_MATCH_SCTP', optional: true },
  { name: 'ip_set', purpose: 'sets in place of rules for many ports', symbol: 'IP_SET', optional: true },
  { name: 'ip_set_bitmap_port', purpose: 'sets of published ports', symbol: 'IP_SET_BITMAP_PORT', optional: true },
  { name: 'ip_set_hash_ipport', purpose: 'sets of endpoints', symbol: 'IP_SET_HASH_IPPORT', optional: true },
  { name: 'ip_set_hash_ip', purpose: 'sets of tasks', symbol: 'IP_SET_HASH_IP', optional: true },
  { name: 'xt_set', purpose: 'rules that ask sets', symbol: 'NETFILTER_XT_SET', optional: true },
  { name: 'vxlan', purpose: 'tasks of other nodes', symbol: 'VXLAN', optional: true },
  { name: 'xt_mac', purpose: 'requests from other nodes', symbol: 'NETFILTER_XT_MATCH_MAC', optional: true },
  { name: 'xt_CT', purpose: 'requests from other nodes', symbol: 'NETFILTER_XT_TARGET_CT', optional: true },
  { name: 'xt_connmark', purpose: 'requests from other nodes', symbol: 'NETFILTER_XT_CONNMARK', optional: true },
  { name: 'ip_vs_wrr', purpose: 'scheduler wrr', symbol: 'IP_VS_WRR', optional: true },
  { name: 'ip_vs_lc', purpose: 'scheduler lc', symbol: 'IP_VS_LC', optional: true },
  { name: 'ip_vs_sh', purpose: 'scheduler sh', symbol: 'IP_VS_SH', optional: true },
];

type Presence = 'built in' | 'loaded' | 'loadable' | 'missing' | 'unknown';

interface ModuleLists {
  readonly loaded: ReadonlySet<string>;
  readonly builtin: ReadonlySet<string> | null;
  readonly loadable: ReadonlySet<string> | null;
  readonly configuration: string | null;
}

export async function checkModules(probes: Pick<Probes, 'readText' | 'exists' | 'run' | 'kernelRelease'>): Promise<Finding[]> {
  const lists = await readLists(probes);
  const present = await Promise.all(modules.map((module) => presenceOf(module, lists, probes)));
  return modules.map((module, index) => findingOf(module, present[index] ?? 'unknown', probes.kernelRelease));
}

async function readLists({ readText, kernelRelease, run }: Pick<Probes, 'readText' | 'run' | 'kernelRelease'>): Promise<ModuleLists> {
  const folder = `/lib/modules/${kernelRelease}`;
  const [loaded, builtin, dependencies, bootConfiguration] = await Promise.all([
    readText('/proc/modules'),
    readText(`${folder}/modules.builtin`),
    readText(`${folder}/modules.dep`),
    readText(`/boot/config-${kernelRelease}`),
  ]);
  return {
    loaded: new Set((loaded ?? '').split('\n').map((line) => line.split(' ', 1)[0] ?? '')),
    builtin: builtin === null ? null : new Set(builtin.split('\n').map(moduleName)),
    loadable: dependencies === null ? null : new Set(dependencies.split('\n').map((line) => moduleName(line.split(':', 1)[0] ?? ''))),
    configuration: bootConfiguration ?? (await runningConfiguration(run)),
  };
}

/** `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz` → `ip_vs_rr`; a module's file may spell `_` as `-`. */
function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

/** CONFIG_IKCONFIG_PROC. Read as text it would be damaged, so that `base64` brings it here whole. */
async function runningConfiguration(run: Probes['run']): Promise<string | null> {
  const outcome = await run('base64', ['/proc/config.gz']).catch(() => null);
  if (outcome?.exitCode !== 0) return null;
  try {
    return gunzipSync(Buffer.from(outcome.stdout, 'base64')).toString('utf8');
  } catch {
    return null;
  }
}

async function presenceOf(module: Module, lists: ModuleLists, { exists }: Pick<Probes, 'exists'>): Promise<Presence> {
  if (lists.loaded.has(module.name)) return 'loaded';
  if (lists.builtin?.has(module.name) === true) return 'built in';
  if (await exists(`/sys/module/${module.name}`)) return 'built in';
  if (lists.loadable?.has(module.name) === true) return 'loadable';
  const configured = new RegExp(`^CONFIG_${module.symbol}=([ym])$`, 'm').exec(lists.configuration ?? '')?.[1];
  if (configured === 'y') return 'built in';
  return lists.loadable === null && (lists.configuration === null || configured === 'm') ? 'unknown' : 'missing';
}

function findingOf(module: Module, presence: Presence, kernelRelease: string): Finding {
  const check = `module ${module.name}`;
  switch (presence) {
    case 'loaded':
    case 'built in':
      return ok(check, presence);
    case 'loadable':
      return ok(check, 'not loaded yet; the kernel loads it when it is used');
    case 'unknown':
      return warn(check, `not loaded, and /lib/modules/${kernelRelease} is not here to see whether it could be (${module.purpose})`, `Load it on the host with \`modprobe ${module.name}\`; in a container, mount /lib/modules read-only.`);
    case 'missing': {
      const remedy = `Install the package of your distribution with all modules of kernel ${kernelRelease} (such as linux-modules-extra), or a kernel built with CONFIG_${module.symbol}.`;
      return module.optional === true ? warn(check, `missing: no ${module.purpose}`, remedy) : fail(check, `missing: the kernel has no ${module.name} (${module.purpose})`, remedy);
    }
  }
}
