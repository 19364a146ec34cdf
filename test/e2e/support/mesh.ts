/** The controller on a node of the lab, and what it made of the kernel. */
import { isDeepStrictEqual } from 'node:util';
import { eventually, lab, on, shell } from './lab.js';

export const nodeAddress = '192.168.56.11';
export const routerAddress = '100.104.56.11';
export const clientAddress = '192.168.56.100';

export async function startMesh(node = 'h1', ...flags: readonly string[]): Promise<void> {
  await lab(['mesh', node, 'start', ...flags]);
}

export async function stopMesh(node = 'h1'): Promise<void> {
  await lab(['mesh', node, 'stop']);
}

/** Stops the controller and removes every trace of it. */
export async function removeMesh(node = 'h1'): Promise<void> {
  await stopMesh(node);
  await on(node)('routemesh', 'cleanup');
}

/** What a reboot would take: all of the mesh in the kernel, and nothing of what is on disk. */
export async function loseMesh(node = 'h1'): Promise<void> {
  await shell(node, 'ip netns del mesh_sbox; ip netns del mesh_fabric; ip link del mesh_gwbridge; iptables -t nat -F MESH-INGRESS; iptables -F MESH-INGRESS');
}

/** `ipvsadm -Sn` of a namespace (a path, since dockerd's are no names of ip-netns), each line's words sorted out. */
export interface RealServer {
  readonly fwmark: number;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

export const meshSandbox = '/run/netns/mesh_sbox';
export const dockerSandbox = '/run/docker/netns/ingress_sbox';

export async function realServers(namespace = meshSandbox, node = 'h1'): Promise<RealServer[]> {
  const output = await shell(node, `nsenter --net=${namespace} ipvsadm -Sn`);
  return output
    .split('\n')
    .filter((line) => line.startsWith('-a '))
    .map((line) => {
      const [, fwmark, address, port] = /-f (\d+) -r ([\d.]+):(\d+) /.exec(line) ?? [];
      const weight = / -w (\d+)/.exec(line)?.[1];
      return { fwmark: Number(fwmark), address: String(address), port: Number(port), weight: Number(weight) };
    })
    .sort((a, b) => a.fwmark - b.fwmark || a.address.localeCompare(b.address));
}

/** Packets that a chain's rules with a certain word have counted (iptables -nvxL), summed. */
export async function packetsCounted(chain: string, word: string, node = 'h1'): Promise<number> {
  const output = await shell(node, `iptables -t nat -nvxL ${chain}`);
  return output
    .split('\n')
    .filter((line) => line.includes(word))
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[0]), 0);
}

/** Connections that IPVS has scheduled in a namespace for a mark or all of them. */
export async function connectionsCounted(namespace: string, node = 'h1'): Promise<number> {
  const output = await shell(node, `nsenter --net=${namespace} ipvsadm -Ln --stats --exact`);
  return output
    .split('\n')
    .filter((line) => line.startsWith('FWM'))
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0);
}

export interface Status {
  readonly programmed: boolean;
  readonly repairs: Readonly<Record<string, number>>;
  readonly conditions: readonly { readonly reason: string; readonly message: string; readonly object: { readonly name: string } }[];
  readonly ports: readonly { readonly accepting: boolean; readonly protocol: string; readonly published: number; readonly serviceName: string; readonly backends: readonly { readonly address: string; readonly weight: number }[] }[];
  readonly peers: readonly { readonly name: string; readonly state: 'alive' | 'dead' | 'unknown' }[];
  readonly source: { readonly available: boolean; readonly description: string };
  readonly syncs: number;
  readonly lastSync: { readonly changes: number; readonly reason: string } | null;
}

/** What the running controller answers on its control socket: quicker than the command, which has a test of its own. */
export function askController(path: string, node = 'h1'): Promise<string> {
  return on(node)('/run/lab/bin/ask', '--timeout', '20', '--socket', '/run/routemesh/control.sock', path);
}

export async function status(node = 'h1'): Promise<Status> {
  return JSON.parse(await askController('/status', node)) as Status;
}

/** Waits until the controller takes connections for exactly these ports (`tcp/8080`), each with so many backends; ports whose last connections are kept don't count. */
export async function served(expected: Readonly<Record<string, number>>, node = 'h1'): Promise<void> {
  await eventually(async () => {
    const { ports } = await status(node);
    const found = Object.fromEntries(ports.filter(({ accepting }) => accepting).map(({ protocol, published, backends }) => [`${protocol}/${published}`, backends.filter(({ weight }) => weight > 0).length]));
    if (!isDeepStrictEqual(found, expected)) throw new Error(`${node} serves ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }, 100_000);
}

/** Is the kernel what the plan says? Exit 0 of `routemesh plan`; throws with the diff otherwise. */
export async function expectNothingToDo(node = 'h1'): Promise<void> {
  const diff = await shell(node, 'routemesh plan && exit 0; code=$?; [ $code = 2 ] && exit 0; exit $code');
  if (!/^nothing to do/im.test(diff)) throw new Error(`the kernel differs from the plan:\n${diff}`);
}
