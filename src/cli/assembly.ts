/** Puts the pieces together as the settings say: source, local tasks, kernel, controller. */
import { SavedState } from '../cluster/saved-state.js';
import type { ClusterSource, LocalTasks } from '../cluster/source.js';
import { Controller } from '../controller/controller.js';
import type { MeshKernel } from '../controller/mesh-kernel.js';
import { Engine } from '../kernel/engine.js';
import { silentLogger, type Logger } from '../log.js';
import type { Change } from '../kernel/change.js';
import type { Settings } from '../settings.js';
import { readVersion } from '../version.js';
import { identityInSwarm, rememberedIdentity, type NodeIdentity } from './node-identity.js';

export interface Assembly {
  readonly source: ClusterSource;
  readonly localTasks: LocalTasks;
  readonly kernel: MeshKernel;
  /** Rejects with what to do where this node is not one that can be served. */
  readonly identify: (signal: AbortSignal) => Promise<NodeIdentity>;
}

export async function assemble(settings: Settings, logger: Logger = silentLogger): Promise<Assembly> {
  const cluster = await clusterOf(settings, logger);
  return { ...cluster, kernel: await Engine.open({ settings }) };
}

export async function assembleController(settings: Settings, logger: Logger, signal: AbortSignal): Promise<Controller> {
  const { source, localTasks, identify } = await clusterOf(settings, logger);
  const node = await identify(signal);
  const kernel = await Engine.open({ settings });
  const store = new SavedState(settings.stateFolder);
  return new Controller({ version: readVersion(), settings, node, source, localTasks, kernel, store, logger });
}

function clusterOf(settings: Settings, logger: Logger): Promise<Omit<Assembly, 'kernel'>> {
  if (settings.source.kind === 'docker') return dockerCluster(settings.source.socket, settings, logger);
  throw new Error('file source is not put in yet');
}

async function dockerCluster(socket: string, settings: Settings, logger: Logger): Promise<Omit<Assembly, 'kernel'>> {
  const [{ dockerSource }, { dockerLocalTasks }, { dockerSwarmInfo }, { DockerTimeoutError, DockerUnreachableError }] = await Promise.all([
    import('../cluster/docker/docker-source.js'),
    import('../cluster/docker/local-tasks.js'),
    import('../cluster/docker/swarm-info.js'),
    import('../cluster/docker/errors.js'),
  ]);
  return {
    source: dockerSource({ socket, logger }),
    localTasks: dockerLocalTasks({ socket, logger }),
    identify: (signal) =>
      rememberedIdentity(
        async () => identityInSwarm(await dockerSwarmInfo({ socket }, signal)),
        settings.stateFolder,
        (error) => error instanceof DockerUnreachableError || error instanceof DockerTimeoutError,
        logger,
      ),
  };
}

export interface CleanupResult {
  readonly removed: readonly Change[];
  readonly failed: readonly { readonly change: Change; readonly message: string }[];
}

export function assembleCleanup(_settings: Settings): Promise<(options: { readonly dryRun: boolean }) => Promise<CleanupResult>> {
  return Promise.reject(new Error('cleanup is not put in yet'));
}
