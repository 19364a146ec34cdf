/** Reads this node for a trace: namespaces, cables, routes, rules, IPVS. Nothing is changed. */
import { SavedState } from '../cluster/saved-state.js';
import type { ClusterState } from '../cluster/state.js';
import { asError } from '../kernel/errors.js';
import { lookAtIptables } from '../kernel/iptables/look.js';
import { Machine, type OpenPlace } from '../kernel/machine.js';
import { programsListening } from '../kernel/ports-held-by-others.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import type { Observation, SeenPlace, SeenVirtualService } from './observation.js';
import { deviceNames, readNetwork, type OtherPlace } from './read-network.js';
import { readTasks } from './read-tasks.js';
import type { TraceRequest } from './request.js';

type Needed = Pick<Settings, 'names' | 'reservedPorts' | 'stateFolder'>;

/** Rejects when what is there can't be read (not root, no iptables); what is not there is what a trace is for. */
export async function observe(settings: Needed, request: TraceRequest): Promise<Observation> {
  const { names } = settings;
  const machine = await Machine.create({ settings });
  try {
    machine.locate([
      { place: 'sandbox', namespace: { path: `/run/netns/${names.sandbox}`, named: true } },
      { place: 'fabric', namespace: { path: `/run/netns/${names.fabric}`, named: true } },
    ]);
    const host = machine.require('host');
    const [sandbox, fabric] = [machine.open('sandbox'), machine.open('fabric')];
    const others = [host, sandbox, fabric].flatMap((place) => (place === undefined ? [] : [otherPlace(place)]));
    const loopbackRouted = ['all', names.gatewayBridge].map((device) => `net/ipv4/conf/${device}/route_localnet`);
    const [controller, cluster, seenHost, seenSandbox, seenFabric] = await Promise.all([
      runningController(),
      savedCluster(settings.stateFolder),
      see(host, 'host', [], others, loopbackRouted),
      sandbox === undefined ? null : see(sandbox, names.sandbox, inNamed(names.sandbox), others),
      fabric === undefined ? null : see(fabric, names.fabric, inNamed(names.fabric), others),
    ]);
    return {
      settings,
      host: seenHost,
      sandbox: seenSandbox,
      fabric: seenFabric,
      tasks: fabric === undefined ? [] : readTasks(otherPlace(fabric)),
      ipvs: sandbox === undefined ? [] : readVirtualServices(sandbox),
      programs: programsOn(host, request, controller?.pid ?? null),
      controller: controller?.pid ?? null,
      cluster,
    };
  } finally {
    machine.close();
  }
}

function inNamed(name: string): string[] {
  return ['ip', 'netns', 'exec', name];
}

function otherPlace(open: OpenPlace): OtherPlace {
  return { place: open.place, namespace: open.namespace, devices: deviceNames(open.links()) };
}

async function see(open: OpenPlace, name: string, enter: readonly string[], others: readonly OtherPlace[], sysctls: readonly string[] = []): Promise<SeenPlace> {
  return {
    place: open.place,
    name,
    enter,
    network: readNetwork(open.routes(), open.namespace, open.place, others, ['net/ipv4/ip_forward', ...sysctls]),
    iptables: await lookAtIptables(open.namespace),
  };
}

/** A text where IPVS can't be asked: what is wrong then is what a trace says. */
function readVirtualServices(sandbox: OpenPlace): SeenVirtualService[] | string {
  try {
    const ipvs = sandbox.ipvs();
    return ipvs.services().map((service) => ({
      key: service.key,
      scheduler: service.scheduler,
      persistenceSeconds: service.persistenceSeconds ?? null,
      onePacket: service.onePacket,
      connections: service.statistics.connections,
      servers: ipvs
        .destinations(service.key)
        .map(({ address, port, weight, activeConnections, inactiveConnections }) => ({ address, port, weight, active: activeConnections, inactive: inactiveConnections })),
    }));
  } catch (error) {
    return asError(error).message;
  }
}

/** Neither dockerd's placeholder nor our controller's: programs that really want what comes to the port. */
function programsOn(host: OpenPlace, { protocol, port }: TraceRequest, controller: number | null): string[] {
  const programs = programsListening(host.namespace, [{ protocol, port }]).get(`${protocol}/${port}`) ?? [];
  return [...new Set(programs.filter(({ command, processId }) => command !== 'dockerd' && (processId === undefined || processId !== controller)).map(({ text }) => text))];
}

/** Only names are taken from it: a file that can't be used is as good as none. */
async function savedCluster(folder: string): Promise<ClusterState | null> {
  return new SavedState(folder).load().catch(() => null);
}
