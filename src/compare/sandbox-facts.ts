/** The sandboxes as a whole: addresses, IPVS's timeouts, the kernel's settings. Pure. */
import { fact, type ComparedPort, type Fact } from './comparison.js';
import type { MeshName, Observation, OfEach, SeenSandbox } from './observation.js';

const addressReasons: Readonly<Record<string, string>> = {
  eth0: 'routemesh’s follows from the node’s own address and needs no allocator; Swarm’s allocator gives dockerd’s, with one more for each service',
  eth1: 'each sandbox hangs on a bridge of its own, mesh_gwbridge and docker_gwbridge',
};

/** Of settings that a mesh sets by itself; any other was changed by hand. */
const settingReasons: Readonly<Record<string, string>> = {
  'net/ipv4/vs/conn_reuse_mode': 'dockerd sets 0, which kernels before 5.9 needed; routemesh leaves the kernel’s 1 from there on',
  'net/ipv4/vs/conntrack': 'both ask for 1: without connection tracking there is no SNAT, and no answer counts as one',
  'net/ipv4/vs/expire_nodest_conn': 'routemesh asks for 1: connections to a real server that was taken out end at once instead of hanging',
  'net/ipv4/vs/expire_quiescent_template': 'routemesh asks for 1: a client is not held at a real server of weight 0 by its affinity',
  'net/ipv4/ip_forward': 'both ask for 1: a sandbox forwards',
};
const otherSetting = 'neither mesh sets it: somebody has, by hand';

/** `ports`: what the sandboxes serve. */
export function sandboxFacts({ sandboxes }: Pick<Observation, 'sandboxes'>, ports: readonly ComparedPort[]): Fact[] {
  const { routemesh, dockerd } = sandboxes;
  const of = (read: (sandbox: SeenSandbox) => string | null): [string | null, string | null] => [routemesh === null ? null : read(routemesh), dockerd === null ? null : read(dockerd)];
  const devices = [...new Set([routemesh, dockerd].flatMap((sandbox) => (sandbox?.addresses ?? []).map(({ device }) => device)))].filter((device) => device !== 'lo').sort();
  const timeout = (name: 'tcp' | 'tcpFin' | 'udp'): [string | null, string | null] => of(({ timeouts }) => (timeouts === null ? null : `${timeouts[name]} s`));
  const settings = [...new Set([routemesh, dockerd].flatMap((sandbox) => Object.keys(sandbox?.sysctls ?? {})))].sort();
  const sources = sourcesOf(ports);
  return [
    ...devices.map((device) => fact(`addresses of ${device}`, ...of((sandbox) => addressesOf(sandbox, device)), addressReasons[device] ?? 'only one of them has such a device')),
    fact('source that tasks see', sources.routemesh, sources.dockerd, 'dockerd hides the client behind its sandbox’s address (SNAT), so that answers come back; routemesh routes them back and needs no SNAT, unless source-ip=snat asks for it'),
    fact('virtual services', ...of(({ ipvs }) => (typeof ipvs === 'string' ? 'can’t be read' : String(ipvs.length))), 'each port below says why one mesh alone has it'),
    fact('IPVS timeout tcp', ...timeout('tcp'), 'dockerd’s forgets an idle connection after the kernel’s 900 s; routemesh’s outlives the default keepalive of two hours'),
    fact('IPVS timeout tcp-fin', ...timeout('tcpFin'), 'neither mesh changes it: somebody has, by hand'),
    fact('IPVS timeout udp', ...timeout('udp'), 'neither mesh changes it: somebody has, by hand'),
    ...settings.map((path) => fact(path.replace('net/ipv4/', '').replaceAll('/', '.'), ...of(({ sysctls }) => sysctls[path] ?? null), settingReasons[path] ?? otherSetting)),
  ];
}

function addressesOf({ addresses }: SeenSandbox, device: string): string | null {
  const own = addresses.filter((address) => address.device === device).map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  const [first] = own;
  // Swarm gives each service one more; all of them are in the JSON's `sandboxes`.
  return first === undefined ? null : own.length === 1 ? first : `${first} and ${own.length - 1} more`;
}

function sourcesOf(ports: readonly ComparedPort[]): OfEach<string | null> {
  const of = (mesh: MeshName): string | null => {
    const served = ports.map(({ meshes }) => meshes[mesh]).filter(({ scheduler }) => scheduler !== null);
    const sources = [...new Set(served.map(({ sourceAddress }) => wordsOfSource(sourceAddress)))].sort();
    return sources.length === 0 ? null : sources.join(', ');
  };
  return { routemesh: of('routemesh'), dockerd: of('dockerd') };
}

export function wordsOfSource(address: string | null): string {
  return address === null ? 'the client’s own' : `${address} (SNAT)`;
}
