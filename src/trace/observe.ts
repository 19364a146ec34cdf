/** Reads this node for a trace: namespaces, cables, routes, rules, IPVS. Nothing is changed. */
import { SavedState } from '../cluster/saved-state.js';
import type { ClusterState } from '../cluster/state.js';
import { Machine, type OpenPlace } from '../kernel/machine.js';
import { programsListening } from '../kernel/ports-held-by-others.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import type { Observation } from './observation.js';
import { readVirtualServices } from './read-ipvs.js';
import { otherPlace, readPlace } from './read-place.js';
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
      readPlace(host, 'host', [], others, loopbackRouted),
      sandbox === undefined ? null : readPlace(sandbox, names.sandbox, inNamed(names.sandbox), others),
      fabric === undefined ? null : readPlace(fabric, names.fabric, inNamed(names.fabric), others),
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

/** Neither dockerd's placeholder nor our controller's: programs that really want what comes to the port. */
function programsOn(host: OpenPlace, { protocol, port }: TraceRequest, controller: number | null): string[] {
  const programs = programsListening(host.namespace, [{ protocol, port }]).get(`${protocol}/${port}`) ?? [];
  return [...new Set(programs.filter(({ command, processId }) => command !== 'dockerd' && (processId === undefined || processId !== controller)).map(({ text }) => text))];
}

/** Only names are taken from it: a file that can't be used is as good as none. */
async function savedCluster(folder: string): Promise<ClusterState | null> {
  return new SavedState(folder).load().catch(() => null);
}
