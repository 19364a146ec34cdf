/** The node's network: what could clash with the mesh, and what would make it slow or deaf. */
import { overlaps, parseSubnet, type Subnet } from '../../configuration/values.js';
import { vxlan } from '../../plan/devices.js';
import { ethernetMtu } from '../../plan/place.js';
import type { Settings } from '../../settings.js';
import { fail, ok, warn, type Finding } from './finding.js';
import type { Probes } from './probes.js';

const { port: vxlanPort, overhead: vxlanOverhead } = vxlan;

export interface RouteEntry {
  readonly device: string;
  readonly destination: Subnet;
}

/** /proc/net/route: addresses are hexadecimal in the machine's own byte order, little-endian wherever Node and Docker run. */
export function parseRoutes(text: string): RouteEntry[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [device, destination, , , , , , mask] = line.split(/\s+/);
      if (device === undefined || destination === undefined || mask === undefined) return [];
      const first = swapBytes(Number.parseInt(destination, 16));
      const size = 2 ** 32 - swapBytes(Number.parseInt(mask, 16));
      return [{ device, destination: { address: first, first, last: first + size - 1, prefixLength: 32 - Math.log2(size) } }];
    });
}

function swapBytes(number: number): number {
  return ((number & 0xff) * 2 ** 24 + ((number >>> 8) & 0xff) * 2 ** 16 + ((number >>> 16) & 0xff) * 2 ** 8 + (number >>> 24)) >>> 0;
}

export async function checkGatewaySubnet(probes: Pick<Probes, 'readText' | 'docker'>, settings: Pick<Settings, 'gatewaySubnet' | 'names' | 'source'>): Promise<Finding[]> {
  const check = 'gateway subnet';
  const remedy = 'Choose a free one with --gateway-subnet (or `gatewaySubnet` in the configuration file).';
  const wanted = parseSubnet(settings.gatewaySubnet);
  if (wanted === null) return [fail(check, `${settings.gatewaySubnet} is no subnet`, remedy)];
  const routes = parseRoutes((await probes.readText('/proc/net/route')) ?? '');
  const clash = routes.find(({ device, destination }) => destination.prefixLength > 0 && device !== settings.names.gatewayBridge && overlaps(destination, wanted));
  if (clash !== undefined) return [fail(check, `${settings.gatewaySubnet} overlaps with ${textOf(clash.destination)}, which is routed to ${clash.device}`, remedy)];
  const network = (await dockerSubnets(probes, settings.source)).find(({ subnet }) => overlaps(subnet, wanted));
  if (network !== undefined) return [fail(check, `${settings.gatewaySubnet} overlaps with ${textOf(network.subnet)} of the Docker network ${network.name}`, remedy)];
  return [ok(check, `${settings.gatewaySubnet} is free`)];
}

interface DockerNetwork {
  readonly Name?: string;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] | null };
}

async function dockerSubnets({ docker }: Pick<Probes, 'docker'>, source: Settings['source']): Promise<{ name: string; subnet: Subnet }[]> {
  if (source.kind !== 'docker') return [];
  const networks = (await docker(source.socket, '/networks').catch(() => [])) as readonly DockerNetwork[];
  return networks.flatMap(({ Name: name = '?', IPAM: addresses }) =>
    (addresses?.Config ?? []).flatMap(({ Subnet: text = '' }) => {
      const subnet = parseSubnet(text);
      return subnet === null ? [] : [{ name, subnet }];
    }),
  );
}

function textOf({ first, prefixLength }: Subnet): string {
  return `${[24, 16, 8, 0].map((shift) => (first >>> shift) & 0xff).join('.')}/${prefixLength}`;
}

export async function checkVxlanPort({ bindUdp, readText }: Pick<Probes, 'bindUdp' | 'readText'>, settings: Pick<Settings, 'names'>): Promise<Finding[]> {
  const check = `port udp/${vxlanPort}`;
  const code = await bindUdp(vxlanPort);
  if (code === null) return [ok(check, 'free')];
  const devices = (await readText('/proc/net/dev')) ?? '';
  return devices.includes(`${settings.names.gatewayBridge}:`)
    ? [ok(check, 'in use, and the mesh is programmed on this node: taken to be its own')]
    : [warn(check, `can't be bound (${code}): the way to tasks of other nodes needs it`, `See who has it with \`ss -ulnp sport = :${vxlanPort}\`.`)];
}

export async function checkMtu({ readText }: Pick<Probes, 'readText'>): Promise<Finding[]> {
  const check = 'MTU';
  const uplink = parseRoutes((await readText('/proc/net/route')) ?? '').find(({ destination }) => destination.prefixLength === 0)?.device;
  if (uplink === undefined) return [ok(check, 'no default route to look at')];
  const mtu = Number((await readText(`/sys/class/net/${uplink}/mtu`)) ?? Number.NaN);
  if (Number.isNaN(mtu)) return [ok(check, `${uplink} does not tell`)];
  if (mtu >= ethernetMtu) return [ok(check, `${uplink} has ${mtu}; ${mtu - vxlanOverhead} between nodes`)];
  return [warn(check, `${uplink} has ${mtu}, less than Ethernet's ${ethernetMtu}; ${mtu - vxlanOverhead} between nodes: what is larger must be refused by ICMP first`, 'Let ICMP "fragmentation needed" pass in every firewall on the way.')];
}

export async function checkSysctls({ readText }: Pick<Probes, 'readText'>): Promise<Finding[]> {
  const value = async (path: string): Promise<string | null> => (await readText(`/proc/sys/${path}`))?.trim() ?? null;
  const forward = await value('net/ipv4/ip_forward');
  const findings = [
    forward === null
      ? fail('sysctl net.ipv4.ip_forward', "can't be read: /proc/sys is not here", 'In a container, start it with --security-opt systempaths=unconfined.')
      : ok('sysctl net.ipv4.ip_forward', forward === '1' ? '1' : `${forward}; routemesh sets it to 1`),
  ];
  const [count, limit] = [Number(await value('net/netfilter/nf_conntrack_count')), Number(await value('net/netfilter/nf_conntrack_max'))];
  if (limit > 0) {
    const text = `${count} of ${limit} tracked connections`;
    findings.push(
      count > limit * 0.8
        ? warn('sysctl net.netfilter.nf_conntrack_max', `${text}: new connections are dropped when it is full`, `Raise it: \`sysctl -w net.netfilter.nf_conntrack_max=${limit * 4}\`.`)
        : ok('sysctl net.netfilter.nf_conntrack_max', text),
    );
  }
  return findings;
}

/** A container's /proc/sys is read-only unless it is told otherwise. */
export async function checkSysctlsWritable({ readText }: Pick<Probes, 'readText'>): Promise<Finding[]> {
  const mounts = (await readText('/proc/self/mounts')) ?? '';
  const readOnly = mounts.split('\n').some((line) => {
    const [, path, , options = ''] = line.split(' ');
    return path === '/proc/sys' && options.split(',').includes('ro');
  });
  return readOnly ? [fail('sysctls', '/proc/sys is read-only', 'Start the container with --security-opt systempaths=unconfined (see docker-compose.yml).')] : [];
}
