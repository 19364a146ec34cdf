/** Several nodes at once: the lab of `scripts/lab up --nodes 3`, h1 its manager. */
import { askDocker, containersOn } from './docker.js';
import { eventually, lab, on } from './lab.js';
import { removeMesh, startMesh, status } from './mesh.js';
import { image, removeServices, tasksWithin } from './swarm.js';
import { ask, type Answer } from './traffic.js';

export const nodes = ['h1', 'h2', 'h3'] as const;

/** How many of a service's containers run on each node. */
export type PerNode = Readonly<Record<string, number>>;

export const oneOnEach: PerNode = { h1: 1, h2: 1, h3: 1 };

/** When to give up setting up services and meshes on all of them, in milliseconds. */
export const setUpWithin = 900_000;

/** A node's own address on the underlay. */
export const addressOf = (node: string): string => `192.168.56.${10 + Number(node.slice(1))}`;

/** A node's router address: what tasks see with `source-ip=snat`. */
export const routerOf = (node: string): string => `100.104.56.${10 + Number(node.slice(1))}`;

export const urlOf = (node: string, port: number): string => `http://${addressOf(node)}:${port}`;

/** The same on each node, at once; results in the nodes' order. */
export function everywhere<T>(work: (node: string) => Promise<T>, which: readonly string[] = nodes): Promise<T[]> {
  return Promise.all(which.map(work));
}

export async function startMeshes(which: readonly string[] = nodes): Promise<void> {
  await everywhere((node) => startMesh(node), which);
}

export async function removeMeshes(which: readonly string[] = nodes): Promise<void> {
  await everywhere((node) => removeMesh(node), which);
}

/**
 * Creates a service, waits until it runs so many containers on each node, and gives their host names. One after the other,
 * services need less of an emulated machine than all at once. Say mode and place in the options.
 */
export async function create(name: string, perNode: PerNode, ...options: readonly string[]): Promise<string[]> {
  await on('h1')('docker', 'service', 'create', '--detach', '--no-resolve-image', '--name', name, ...options, image);
  return running(name, perNode);
}

/** The service `web` with one task on each node, offered on tcp/8080 by every node's mesh; gives its tasks' host names. */
export async function startWebEverywhere(): Promise<string[]> {
  const web = await create('web', oneOnEach, '--mode', 'global', '--publish', '8080:80', '--update-parallelism', '0');
  await startMeshes();
  await offered('tcp/8080', 3);
  return web;
}

/** Where a service's containers run: `{ h1: ['3f2a…'], h2: [] }`, the ids being the host names that the test image answers with. */
export async function containersOf(name: string, which: readonly string[] = nodes): Promise<Record<string, string[]>> {
  const lists = await everywhere(async (node) => [node, await containersOn(node, name)] as const, which);
  return Object.fromEntries(lists);
}

/** Waits until the service runs so many containers on each node, and gives their host names. */
export async function running(name: string, perNode: PerNode): Promise<string[]> {
  return await eventually(async () => {
    const containers = await containersOf(name, Object.keys(perNode));
    const counts = Object.fromEntries(Object.entries(containers).map(([node, ids]) => [node, ids.length]));
    if (JSON.stringify(counts) !== JSON.stringify(perNode)) throw new Error(`${name} runs ${JSON.stringify(counts)}, expected ${JSON.stringify(perNode)}`);
    return Object.values(containers).flat().sort();
  }, tasksWithin);
}

/** Removes services, and waits for their containers on every node. */
export async function removeEverywhere(...names: readonly string[]): Promise<void> {
  await removeServices(...names);
  await eventually(async () => {
    for (const name of names) {
      const left = Object.values(await containersOf(name)).flat();
      if (left.length > 0) throw new Error(`${name} still has ${left.length} containers`);
    }
  });
}

/** Waits until each node offers exactly so many living real servers for a port. */
export async function offered(port: string, count: number, which: readonly string[] = nodes): Promise<void> {
  await everywhere(async (node) => {
    await eventually(async () => {
      const found = await weightsOf(port, node);
      if (found.length !== count) throw new Error(`${node} offers ${found.length} tasks for ${port}, expected ${count}`);
    });
  }, which);
}

/** Addresses of a port's real servers that take new connections, as a node's controller reports them. */
export async function weightsOf(port: string, node: string): Promise<string[]> {
  const { ports } = await status(node);
  const served = ports.find(({ accepting, protocol, published }) => accepting && `${protocol}/${published}` === port);
  return (served?.backends ?? []).filter(({ weight }) => weight > 0).map(({ address }) => address).sort();
}

/** One round through each of the nodes from the client: what every node's tasks answered. */
export function askEach(port: number, times: number, which: readonly string[] = nodes): Promise<Answer[][]> {
  return everywhere((node) => ask('client', urlOf(node, port), times), which);
}

/** Pulls a node's cable, or plugs it in again. */
export async function cable(node: string, action: 'cut' | 'plug'): Promise<void> {
  await lab(['cable', node, action]);
}

/** Waits until Swarm calls every node ready: what a test leaves behind. */
export async function swarmReady(count: number): Promise<void> {
  await eventually(async () => {
    const found = await askDocker<readonly { readonly Status: { readonly State: string } }[]>('h1', '/nodes');
    const states = found.map(({ Status: { State: state } }) => state);
    if (states.filter((state) => state === 'ready').length < count) throw new Error(`Swarm's nodes are ${states.join(', ')}`);
  }, 120_000);
}
