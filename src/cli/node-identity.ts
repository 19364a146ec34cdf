/** Which of the cluster's nodes this is. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ClusterSource } from '../cluster/source.js';
import type { Logger } from '../log.js';
import type { Settings } from '../settings.js';

export interface NodeIdentity {
  readonly id: string;
  readonly name: string;
}

/** What Docker says of its own place in the Swarm; see `cluster/docker/swarm-info.ts`. */
export interface SwarmMembership {
  readonly role: 'manager' | 'worker' | 'none';
  readonly localState: string;
  readonly nodeId: string | null;
  readonly hostName: string;
  readonly error: string;
}

/** Throws, with the remedy, where this node's Docker can't be a source of the cluster. */
export function identityInSwarm(info: SwarmMembership): NodeIdentity {
  if (info.localState === 'locked') throw new Error('This node of the Swarm is locked. Unlock it with `docker swarm unlock`.');
  if (info.nodeId === null || info.role === 'none') {
    throw new Error(`This node is in no Swarm (${info.localState}${info.error === '' ? '' : `: ${info.error}`}). Make one with \`docker swarm init\`, join one with \`docker swarm join\`, or describe the cluster in a file with --cluster-file.`);
  }
  if (info.role === 'worker') {
    throw new Error('This node is a worker: its Docker can tell nothing of services. Make it a manager (`docker node promote` on a manager), or describe the cluster in a file with --cluster-file.');
  }
  return { id: info.nodeId, name: info.hostName };
}

/** The file's nodes know their own names; a file that can't be read yet may still come. */
export async function identityInFile(settings: Pick<Settings, 'node'>, source: ClusterSource, signal: AbortSignal): Promise<NodeIdentity> {
  const wanted = settings.node ?? hostname();
  const state = await source.read(signal).catch(() => null);
  const node = state?.nodes.find(({ id, name }) => id === wanted || name === wanted);
  return { id: node?.id ?? wanted, name: node?.name ?? wanted };
}

/**
 * A node whose Docker is down goes on under the identity that it had: the mesh's last good state is served until Docker
 * answers again.
 */
export async function rememberedIdentity(ask: () => Promise<NodeIdentity>, stateFolder: string, isOutage: (error: unknown) => boolean, logger: Logger): Promise<NodeIdentity> {
  const path = join(stateFolder, 'node.json');
  try {
    const identity = await ask();
    await keep(path, stateFolder, identity).catch((error: unknown) => { logger.warn('The node’s identity could not be kept on disk', { path, error }); });
    return identity;
  } catch (error) {
    const remembered = isOutage(error) ? await recall(path) : null;
    if (remembered === null) throw error;
    logger.warn('Docker does not answer; this node goes on under the identity that it had', { node: remembered.name, id: remembered.id, error });
    return remembered;
  }
}

async function keep(path: string, folder: string, identity: NodeIdentity): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(identity), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function recall(path: string): Promise<NodeIdentity | null> {
  try {
    const { id, name } = JSON.parse(await readFile(path, 'utf8')) as Partial<NodeIdentity>;
    return typeof id === 'string' && typeof name === 'string' ? { id, name } : null;
  } catch {
    return null;
  }
}
