/** Puts the pieces together as the settings say: source, local tasks, kernel, controller. Loads only what they ask for. */
import { hostname } from 'node:os';
import type { ClusterSource, LocalTasks } from '../cluster/source.js';
import type { Controller } from '../controller/controller.js';
import type { MeshKernel } from '../controller/mesh-kernel.js';
import { silentLogger, type Logger } from '../log.js';
import type { Settings } from '../settings.js';
import { readVersion } from '../version.js';
import { identityInFile, identityInSwarm, rememberedIdentity, type NodeIdentity } from './node-identity.js';

interface Cluster {
  readonly source: ClusterSource;
  readonly localTasks: LocalTasks;
  /** Rejects with what to do where this node is not one that can be served. */
  readonly identify: (signal: AbortSignal) => Promise<NodeIdentity>;
}

export interface Assembly extends Cluster {
  readonly kernel: MeshKernel;
}

/** For a look; nothing is followed. */
export async function assemble(settings: Settings): Promise<Assembly> {
  const [cluster, kernel] = await Promise.all([clusterOf(settings, silentLogger), openKernel(settings)]);
  return { ...cluster, kernel };
}

export async function assembleController(settings: Settings, logger: Logger, signal: AbortSignal): Promise<Controller> {
  const [{ Controller }, { SavedState }, { source, localTasks, identify }] = await Promise.all([
    import('../controller/controller.js'),
    import('../cluster/saved-state.js'),
    clusterOf(settings, logger),
  ]);
  const node = await identify(signal);
  const kernel = await openKernel(settings);
  return new Controller({ version: readVersion(), settings, node, source, localTasks, kernel, store: new SavedState(settings.stateFolder), logger });
}

async function openKernel(settings: Settings): Promise<MeshKernel> {
  const { Engine } = await import('../kernel/engine.js');
  return Engine.open({ settings });
}

function clusterOf(settings: Settings, logger: Logger): Promise<Cluster> {
  const { source } = settings;
  return source.kind === 'docker' ? dockerCluster(source.socket, settings, logger) : fileCluster(source.path, settings);
}

async function dockerCluster(socket: string, settings: Settings, logger: Logger): Promise<Cluster> {
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

async function fileCluster(path: string, settings: Settings): Promise<Cluster> {
  const [{ fileSource }, { fileLocalTasks }] = await Promise.all([import('../cluster/file/file-source.js'), import('../cluster/file/local-tasks.js')]);
  const source = fileSource({ path });
  return {
    source,
    localTasks: fileLocalTasks({ path, node: settings.node ?? hostname() }),
    identify: (signal) => identityInFile(settings, source, signal),
  };
}
