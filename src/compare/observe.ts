/** Reads this node for a comparison of its two meshes. Nothing is changed. */
import { DockerClient } from '../cluster/docker/client.js';
import { publicationsOf, type PublishingService } from '../cluster/docker/publications.js';
import { SavedState } from '../cluster/saved-state.js';
import { Machine } from '../kernel/machine.js';
import type { StatusReport } from '../controller/report.js';
import { askController } from '../server/control-client.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import type { SeenPlace } from '../trace/observation.js';
import { readPlace } from '../trace/read-place.js';
import type { Observation } from './observation.js';
import { readSandbox } from './read-sandbox.js';

/** Where dockerd keeps its ingress' namespace (libnetwork, osl/namespace_linux.go). */
export const dockerSandboxPath = '/run/docker/netns/ingress_sbox';

const patienceMilliseconds = 5_000;

/** Rejects when the kernel can't be read (not root, no iptables); what is not there is what a comparison is for. */
export async function observe(settings: Settings): Promise<Observation> {
  const host = await readHost(settings);
  const [routemesh, dockerd, controller, cluster, report, docker] = await Promise.all([
    readSandbox(`/run/netns/${settings.names.sandbox}`),
    readSandbox(dockerSandboxPath),
    runningController(),
    new SavedState(settings.stateFolder).load().catch(() => null),
    askController(settings.controlSocket, '/status', patienceMilliseconds).catch(() => null),
    publishedInDocker(settings),
  ]);
  return {
    settings,
    host,
    sandboxes: { routemesh, dockerd },
    controller: controller?.pid ?? null,
    cluster,
    conditions: (report as StatusReport | null)?.conditions ?? [],
    docker,
  };
}

/** The host alone. */
export async function readHost(settings: Pick<Settings, 'names' | 'stateFolder'>): Promise<SeenPlace> {
  const machine = await Machine.create({ settings });
  try {
    return await readPlace(machine.require('host'), 'host', [], []);
  } finally {
    machine.close();
  }
}

/** Only names and labels are taken from it. */
async function publishedInDocker({ source }: Settings): Promise<PublishingService[] | null> {
  if (source.kind !== 'docker') return null;
  const docker = new DockerClient({ socket: source.socket, requestMilliseconds: patienceMilliseconds });
  const services = await docker.services(AbortSignal.timeout(patienceMilliseconds)).catch(() => null);
  return services?.flatMap((raw) => publicationsOf(raw) ?? []) ?? null;
}
