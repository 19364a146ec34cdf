/** Only managers may change a service: a worker names them. */
import type { DockerClient } from '../../cluster/docker/client.js';
import { NotSwarmManagerError } from '../../cluster/docker/errors.js';
import { dockerSwarmInfo } from '../../cluster/docker/swarm-info.js';

/** For an error of a worker's Docker: the same with the managers' names; any other as it is. */
export async function nameManagers(error: unknown, docker: DockerClient, names: ReadonlyMap<string, string>, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof NotSwarmManagerError)) return error;
  const info = await dockerSwarmInfo({ socket: docker.socket }, signal).catch(() => null);
  if (info === null || info.managers.length === 0) return new Error('Only a Swarm manager can change a service, and this node is none. Run the command on a manager (`docker node ls` there lists them).', { cause: error });
  const managers = info.managers.map(({ nodeId, address }) => {
    const name = names.get(nodeId);
    const host = address.replace(/:\d+$/, '');
    return name === undefined ? host : `${name} (${host})`;
  });
  return new Error(`Only a Swarm manager can change a service, and this node is a worker. Run the command on ${managers.join(' or ')}.`, { cause: error });
}
