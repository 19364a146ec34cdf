/** What this node's Docker says of its own place in the Swarm; managers and workers both know that much. */
import { isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import type { DockerClientOptions } from './client.js';
import { field, idOf, listOf, nameOf, textOf } from './json.js';
import type { RawObject } from './raw.js';

export interface SwarmInfo {
  /** `none`: not part of a Swarm, or not (yet) able to say. */
  readonly role: 'manager' | 'worker' | 'none';
  /** Docker's LocalNodeState: `active`, `pending`, `inactive`, `error`, `locked`. */
  readonly localState: string;
  readonly nodeId: string | null;
  /** Of the node on the underlay. */
  readonly address: string | null;
  readonly clusterId: string | null;
  readonly hostName: string;
  readonly dockerVersion: string;
  /** Docker's folder, `/var/lib/docker`: Swarm's certificates are below it. */
  readonly dockerRoot: string;
  /** Where a worker finds its managers. */
  readonly managers: readonly { readonly nodeId: string; /** `host:port` of swarmkit. */ readonly address: string }[];
  /** What Docker itself says is wrong; empty when nothing is. */
  readonly error: string;
}

function rootOf(path: string | null): string {
  return path !== null && isAbsolute(path) && !/\p{Cc}/u.test(path) ? path : '/var/lib/docker';
}

/** `docker info` gathers much more than this: on a loaded machine it took over 20 s. */
const patienceMilliseconds = 60_000;

/** Asks once. Rejects with a DockerError that says what to do. */
export async function dockerSwarmInfo(options: DockerClientOptions, signal: AbortSignal): Promise<SwarmInfo> {
  // Whoever only reads an answer needs no client, which brings dockerode.
  const { DockerClient } = await import('./client.js');
  return convertSwarmInfo(await new DockerClient({ requestMilliseconds: patienceMilliseconds, ...options }).info(signal));
}

export function convertSwarmInfo(info: RawObject): SwarmInfo {
  const localState = textOf(info, 'Swarm', 'LocalNodeState') ?? 'inactive';
  const nodeId = idOf(info, 'Swarm', 'NodeID');
  const address = textOf(info, 'Swarm', 'NodeAddr') ?? '';
  const isManager = field(info, 'Swarm', 'ControlAvailable') === true;
  return {
    role: nodeId === null || localState === 'inactive' ? 'none' : isManager ? 'manager' : 'worker',
    localState,
    nodeId,
    address: isIPv4(address) ? address : null,
    clusterId: idOf(info, 'Swarm', 'Cluster', 'ID'),
    hostName: nameOf(info, 'Name') ?? '',
    dockerRoot: rootOf(textOf(info, 'DockerRootDir')),
    dockerVersion: textOf(info, 'ServerVersion') ?? '',
    managers: listOf(info, 'Swarm', 'RemoteManagers').flatMap((manager) => {
      const id = idOf(manager, 'NodeID');
      const managerAddress = textOf(manager, 'Addr');
      return id === null || managerAddress === null ? [] : [{ nodeId: id, address: managerAddress }];
    }),
    error: textOf(info, 'Swarm', 'Error') ?? '',
  };
}
