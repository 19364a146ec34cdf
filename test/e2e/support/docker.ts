/** A node's Docker, asked by its socket: starting the docker command, or curl, costs an emulated machine a second of what is tested. */
import { on } from './lab.js';

export async function askDocker<T>(node: string, path: string, filters: Readonly<Record<string, readonly string[]>> = {}): Promise<T> {
  const query = Object.keys(filters).length === 0 ? '' : `?filters=${encodeURIComponent(JSON.stringify(filters))}`;
  return JSON.parse(await on(node)('/run/lab/bin/ask', '--timeout', '60', '--socket', '/run/docker.sock', `${path}${query}`)) as T;
}

/** Container ids (12 characters) of a service on a node: the host names that the test image answers with. Sorted. */
export async function containersOn(node: string, service: string, which: { readonly all?: boolean } = {}): Promise<string[]> {
  const filters = { label: [`com.docker.swarm.service.name=${service}`], ...(which.all === true ? { status: ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'] } : {}) };
  const containers = await askDocker<readonly { readonly Id: string }[]>(node, '/containers/json', filters);
  return containers.map(({ Id: id }) => id.slice(0, 12)).sort();
}
