/** What is read of a node → the way of a packet through it, hop by hop, and where it ends. Pure. */
import { byName } from '../cluster/sorting.js';
import type { Service, Task } from '../cluster/state.js';
import { fwmarkOf } from '../plan/fwmark.js';
import { wayBack } from './back.js';
import { throughFabric, type FabricExit } from './fabric.js';
import type { Branch, Hop, Trace, Verdict } from './hop.js';
import { hopPlaceOf } from './hook.js';
import { entryOf, throughHost } from './host.js';
import type { Observation, SeenPlace, SeenRealServer } from './observation.js';
import type { Packet } from './packet.js';
import { publisherOf } from './publication.js';
import type { TraceRequest } from './request.js';
import { throughSandbox, type Scheduled } from './sandbox.js';
import { reachTask } from './task.js';
import { throughTunnel } from './tunnel.js';
import { Way } from './way.js';

interface Followed {
  readonly branch: Branch;
  /** Null where the packet did not leave the fabric. */
  readonly exit: FabricExit | null;
}

export function trace(seen: Observation, request: TraceRequest): Trace {
  const entry = entryOf(seen, request);
  const shared = new Way();
  tellUnseen(shared, seen);
  const host = throughHost(shared, seen, request, entry);
  const { sandbox } = seen;
  const scheduled = host === null || sandbox === null ? null : throughSandbox(shared, seen, request, sandbox, host);
  const followed = scheduled === null || sandbox === null ? [] : followEach(seen, request, sandbox, scheduled);

  const back = new Way();
  const reached = followed.find(({ branch }) => branch.outcome === 'reaches');
  if (host !== null && sandbox !== null && seen.fabric !== null && reached !== undefined && reached.exit !== null) {
    wayBack(back, seen, sandbox, seen.fabric, { entry, host, fabric: reached.exit });
  }
  const branches = followed.map(({ branch }) => branch);
  const { source, destination, inputDevice } = entry.packet;
  return {
    protocol: request.protocol,
    port: request.port,
    mark: fwmarkOf(request.protocol, request.port),
    service: publisherOf(seen, request)?.name ?? null,
    packet: { source, destination, device: inputDevice ?? null },
    hops: shared.hops,
    branches,
    back: back.hops,
    verdict: verdictOf(shared.hops, branches, back.hops),
  };
}

/** Rules that nobody reads here may say anything. */
function tellUnseen(way: Way, { host, sandbox, fabric }: Observation): void {
  for (const place of [host, sandbox, fabric]) {
    if (place === null || place.iptables.unseen.length === 0) continue;
    way.pass({ place: hopPlaceOf(place), name: place.name, step: 'rules', what: 'there are rules that iptables-save does not show', notes: place.iptables.unseen }, true);
  }
}

/** Sorted by task, those that nobody knows first: the kernel has them in the order in which they came. */
function followEach(seen: Observation, request: TraceRequest, sandbox: SeenPlace, { packet, service }: Scheduled): Followed[] {
  return service.servers
    .map((server) => follow(seen, request, sandbox, packet, server))
    .sort(({ branch: one }, { branch: other }) => byName(one.task ?? '', other.task ?? '') || byName(one.address, other.address));
}

function follow(seen: Observation, request: TraceRequest, sandbox: SeenPlace, packet: Packet, server: SeenRealServer): Followed {
  const { address, port, weight, active, inactive } = server;
  const known = knownAt(seen, address);
  const about = { address, port, weight, active, inactive, task: known?.task.name ?? null, service: known?.service?.name ?? null, node: known?.node ?? null };
  if (weight === 0) return { branch: { ...about, outcome: 'drained', hops: [] }, exit: null };
  const way = new Way();
  const exit = throughFabric(way, seen, request, sandbox, packet, server);
  const name = about.task ?? `${address}:${port}`;
  const arrives = exit !== null && seen.fabric !== null && (exit.task === null ? throughTunnel(way, seen, request, seen.fabric, exit, name) : reachTask(way, seen, exit.task, name, exit.packet));
  return { branch: { ...about, outcome: arrives ? 'reaches' : 'ends', hops: way.hops }, exit };
}

/** By the saved state: an identity is one task's alone. */
function knownAt({ cluster }: Observation, address: string): { readonly task: Task; readonly service: Service | undefined; readonly node: string | null } | null {
  const task = cluster?.tasks.find(({ identity }) => identity.address === address);
  if (cluster === null || task === undefined) return null;
  return { task, service: cluster.services.find(({ id }) => id === task.serviceId), node: cluster.nodes.find(({ id }) => id === task.nodeId)?.name ?? null };
}

function verdictOf(shared: readonly Hop[], branches: readonly Branch[], back: readonly Hop[]): Verdict {
  const taking = branches.filter(({ outcome }) => outcome !== 'drained');
  const reaching = taking.filter(({ outcome }) => outcome === 'reaches');
  const ends = [shared, ...(reaching.length > 0 ? [back] : taking.map(({ hops }) => hops))].flatMap((hops) => hops.filter(({ outcome }) => outcome === 'ends'));
  const isSure = (hops: readonly Hop[]): boolean => hops.every(({ outcome }) => outcome !== 'unknown');
  const [end] = ends;
  return {
    reaches: reaching.length > 0 && end === undefined,
    certain: isSure(shared) && isSure(back) && (reaching.length > 0 ? reaching.some(({ hops }) => isSure(hops)) : taking.every(({ hops }) => isSure(hops))),
    servers: taking.length,
    reached: reaching.length,
    end: end === undefined ? null : { place: end.place, name: end.name, step: end.step, what: end.what, why: end.why ?? '', remedy: end.remedy ?? '' },
  };
}
