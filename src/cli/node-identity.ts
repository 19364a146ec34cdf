/** Which of the cluster's nodes this is. */
import { hostname } from 'node:os';
import type { SwarmInfo } from '../cluster/docker/swarm-info.js';
import type { ClusterSource } from '../cluster/source.js';
import { membershipOf, NoSwarmError, type SwarmMembership } from '../cluster/swarm/membership.js';
import type { MembershipFile } from '../cluster/swarm/membership-file.js';
import type { Logger } from '../log.js';
import type { Settings } from '../settings.js';

export interface NodeIdentity {
  readonly id: string;
  readonly name: string;
}

/** Throws, with the remedy, where this node is in no Swarm, or can't say yet which of its nodes it is. */
export function membershipInSwarm(info: SwarmInfo): SwarmMembership {
  const membership = membershipOf(info);
  if (membership !== null) return membership;
  if (info.localState === 'inactive') {
    throw new NoSwarmError('This node is in no Swarm. Make one with `docker swarm init`, join one with `docker swarm join`, or describe the cluster in a file with --cluster-file.');
  }
  if (info.localState === 'locked') throw new Error('This node of the Swarm is locked. Unlock it with `docker swarm unlock`.');
  throw new Error(`Docker calls this node's part in the Swarm ${info.localState}${info.error === '' ? '' : `: ${info.error}`}. See \`docker info\` and Docker's log (journalctl -u docker).`);
}

/** The file's nodes know their own names; a file that can't be read yet may still come. */
export async function identityInFile(settings: Pick<Settings, 'node'>, source: ClusterSource, signal: AbortSignal): Promise<NodeIdentity> {
  const wanted = settings.node ?? hostname();
  const state = await source.read(signal).catch(() => null);
  const node = state?.nodes.find(({ id, name }) => id === wanted || name === wanted);
  return { id: node?.id ?? wanted, name: node?.name ?? wanted };
}

/**
 * A node whose Docker is down, locked or not yet through with its start goes on as what it was: the mesh's last good
 * state is served until Docker answers again. Only a node that Docker calls outside of any Swarm is taken at its word.
 */
export async function rememberedMembership(ask: () => Promise<SwarmMembership>, file: MembershipFile, logger: Logger): Promise<SwarmMembership> {
  try {
    const membership = await ask();
    await file.remember(membership).catch((error: unknown) => {
      logger.warn('The node’s place in the Swarm could not be kept on disk', { path: file.path, error });
    });
    return membership;
  } catch (error) {
    const remembered = error instanceof NoSwarmError ? null : await file.recall();
    if (remembered === null) throw error;
    logger.warn('Docker does not say what this node is; it goes on as what it was', { node: remembered.name, id: remembered.nodeId, role: remembered.role, error });
    return remembered;
  }
}
