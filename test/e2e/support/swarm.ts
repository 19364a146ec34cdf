/** Real services on the lab's Swarm. Every one that a test makes is named in its file and removed at its end. */
import { askDocker, containersOn } from './docker.js';
import { eventually, on, shell } from './lab.js';

const manager = on('h1');

export const image = 'routemesh-test:1';

/** When to give up waiting for Swarm to start or to replace tasks, in milliseconds: the first ones of a lab that has just booted take minutes. */
export const tasksWithin = 300_000;

/** When to give up what creates or changes services on one node, and waits for the mesh behind them, in milliseconds. */
export const servicesWithin = 400_000;

/** `docker service create` without waiting and without a registry; waits until the tasks run. */
export async function createService(name: string, options: readonly string[], replicas = 1): Promise<void> {
  await manager('docker', 'service', 'create', '--detach', '--no-resolve-image', '--name', name, '--replicas', String(replicas), ...options, image);
  await tasksRunning(name, replicas);
}

export async function updateService(name: string, ...options: readonly string[]): Promise<void> {
  await manager('docker', 'service', 'update', '--detach', '--no-resolve-image', ...options, name);
}

/** Waits until a rolling update has replaced every task. */
export async function updateCompleted(name: string): Promise<void> {
  await eventually(async () => {
    const { UpdateStatus: status } = await askDocker<{ readonly UpdateStatus?: { readonly State?: string } }>('h1', `/services/${name}`);
    const state = status?.State;
    if (state !== 'completed') throw new Error(`the update of ${name} is ${state}`);
  }, tasksWithin);
}

/** Waits until exactly so many tasks run and no other is on its way up or down. */
export async function tasksRunning(name: string, count: number): Promise<void> {
  await eventually(async () => {
    const tasks = await askDocker<readonly { readonly Status: { readonly State: string } }[]>('h1', '/tasks', { service: [name], 'desired-state': ['running'] });
    const states = tasks.map(({ Status: { State: state } }) => state);
    const running = states.filter((state) => state === 'running').length;
    const containers = await hostNames(name);
    if (running !== count || containers.length !== count) {
      throw new Error(`${name}: expected ${count} running tasks, have ${running} in ${containers.length} containers: ${states.join(', ')}`);
    }
  }, tasksWithin);
}

/** Removes services and waits until their containers are gone. */
export async function removeServices(...names: readonly string[]): Promise<void> {
  for (const name of names) await shell('h1', `docker service rm ${name} >/dev/null 2>&1 || true`);
  await eventually(async () => {
    for (const name of names) {
      const containers = await containersOn('h1', name, { all: true });
      if (containers.length > 0) throw new Error(`${name} still has containers`);
    }
  });
}

/** Container ids (12 characters) of a service on h1: the host names that the test image answers with. */
export async function hostNames(service: string): Promise<string[]> {
  return containersOn('h1', service);
}

/** Process id of a service's first task on the node, as the node counts. */
export async function taskPid(service: string, node = 'h1'): Promise<string> {
  return (await shell(node, `docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter label=com.docker.swarm.service.name=${service} | head -1)`)).trim();
}
