/** Puts the pieces together as the settings say: source, local tasks, kernel, controller. Loads only what they ask for. */
import { hostname } from 'node:os';
import type { ClusterSource, LocalTasks } from '../cluster/source.js';
import type { Controller } from '../controller/controller.js';
import type { EventLog } from '../controller/event-log.js';
import type { MeshKernel } from '../controller/mesh-kernel.js';
import type { Priority } from '../controller/priority.js';
import { silentEvents, type EventRecorder } from '../event.js';
import { silentLogger, type Logger } from '../log.js';
import type { Settings } from '../settings.js';
import { readVersion } from '../version.js';
import { identityInFile, membershipInSwarm, rememberedMembership, type NodeIdentity } from './node-identity.js';

interface Cluster {
  readonly source: ClusterSource;
  readonly localTasks: LocalTasks;
  /** Which of the cluster's nodes this is. */
  readonly node: NodeIdentity;
}

export interface Assembly extends Cluster {
  readonly kernel: MeshKernel;
}

/** Who is told of what happens. */
export interface Ears {
  readonly events: EventRecorder;
  readonly logger: Logger;
}

/** For a look; nothing is followed. Rejects with what to do where this node is not one that can be served. */
export async function assemble(settings: Settings, signal: AbortSignal): Promise<Assembly> {
  const cluster = await clusterOf(settings, { events: silentEvents, logger: silentLogger }, signal);
  return { ...cluster, kernel: await openKernel(settings) };
}

/** Rejects as `assemble` does. */
export async function assembleController(settings: Settings, { priority, ...ears }: Ears & { readonly eventLog: EventLog; readonly priority: Priority }, signal: AbortSignal): Promise<Controller> {
  const [{ Controller }, { SavedState }, { source, localTasks, node }] = await Promise.all([
    import('../controller/controller.js'),
    import('../cluster/saved-state.js'),
    clusterOf(settings, ears, signal),
  ]);
  const kernel = await openKernel(settings);
  return new Controller({ version: readVersion(), settings, node, source, localTasks, kernel, store: new SavedState(settings.stateFolder), priority, ...ears });
}

async function openKernel(settings: Settings): Promise<MeshKernel> {
  const { Engine } = await import('../kernel/engine.js');
  return Engine.open({ settings });
}

function clusterOf(settings: Settings, ears: Ears, signal: AbortSignal): Promise<Cluster> {
  const { source } = settings;
  return source.kind === 'docker' ? swarmCluster(source.socket, settings, ears, signal) : fileCluster(source.path, settings, signal);
}

/** A node that knows what it was need not wait for long: `docker info` took over 20 s on a loaded machine. */
const patienceMilliseconds = { unknown: 60_000, remembered: 20_000, running: 30_000 };

async function swarmCluster(socket: string, settings: Settings, { events, logger }: Ears, signal: AbortSignal): Promise<Cluster> {
  const [{ dockerSource }, { dockerLocalTasks }, { dockerSwarmInfo }, { FirstHand }, { MembershipFile }, { NewsBoard }, { swarmSource }, { CredentialStore }, { swarmCertificates }, { NewsCourier }, { relaySource }, { RelayPublisher }, { watchProcessEnd }] =
    await Promise.all([
      import('../cluster/docker/docker-source.js'),
      import('../cluster/docker/local-tasks.js'),
      import('../cluster/docker/swarm-info.js'),
      import('../cluster/swarm/first-hand.js'),
      import('../cluster/swarm/membership-file.js'),
      import('../cluster/swarm/news-board.js'),
      import('../cluster/swarm/swarm-source.js'),
      import('../cluster/relay/credential-store.js'),
      import('../cluster/relay/certificates.js'),
      import('../cluster/relay/news-courier.js'),
      import('../cluster/relay/relay-source.js'),
      import('../server/relay-publisher.js'),
      import('../../native/index.js'),
    ]);
  const file = new MembershipFile(settings.stateFolder);
  const requestMilliseconds = (await file.recall()) === null ? patienceMilliseconds.unknown : patienceMilliseconds.remembered;
  const membership = await rememberedMembership(async () => membershipInSwarm(await dockerSwarmInfo({ socket, requestMilliseconds }, signal)), file, logger);

  const { port, address, certificates } = settings.relay;
  const credentials = new CredentialStore({ paths: certificates ?? swarmCertificates(membership.dockerRoot), logger });
  const reached = (managers: () => typeof membership.managers) => () => managers().map((manager) => ({ ...manager, port }));
  const firstHand = new FirstHand();
  const news = new NewsBoard();
  const source = swarmSource({
    membership,
    ask: (asking) => dockerSwarmInfo({ socket, requestMilliseconds: patienceMilliseconds.running }, asking),
    remember: (now) => file.remember(now),
    docker: dockerSource({ socket, logger, taskWatch: { socket: settings.swarmSocket, authority: swarmCertificates(membership.dockerRoot).authority } }),
    relay: (managers, onlyAvailable) => relaySource({ managers: reached(managers), credentials: () => credentials.current, onlyAvailable, events }),
    credentials,
    publisher: new RelayPublisher({ port, credentials, onNews: (nodeId, said) => { news.put(nodeId, said); }, events, logger }),
    firstHand,
    courier: (managers) => new NewsCourier({ managers: reached(managers), credentials: () => credentials.current, logger }),
    news,
    relayAddress: address,
    events,
    logger,
  });
  return { source, localTasks: firstHand.overhear(dockerLocalTasks({ socket, logger, watchProcessEnd })), node: { id: membership.nodeId, name: membership.name } };
}

async function fileCluster(path: string, settings: Settings, signal: AbortSignal): Promise<Cluster> {
  const [{ ClusterFiles }, { fileSource }, { fileLocalTasks }] = await Promise.all([
    import('../cluster/file/cluster-files.js'),
    import('../cluster/file/file-source.js'),
    import('../cluster/file/local-tasks.js'),
  ]);
  const file = new ClusterFiles(path);
  const source = fileSource({ file });
  const localTasks = fileLocalTasks({ file, node: settings.node ?? hostname() });
  return { source, localTasks, node: await identityInFile(settings, source, signal) };
}
