/** Opens the connection tracking of each place that a port's packets pass on this node. Nothing is changed. */
import { Conntrack, type ConntrackEvent, NetworkNamespace } from '../../../native/index.js';
import type { Machine } from '../../kernel/machine.js';
import type { ClusterState } from '../../cluster/state.js';
import type { Listened } from './story.js';
import { readTasks } from '../read-tasks.js';
import { deviceNames } from '../read-network.js';
import type { Settings } from '../../settings.js';

export interface Ear {
  readonly where: Listened;
  readonly namespace: NetworkNamespace;
  readonly conntrack: Conntrack;
  /** Of a task: its addresses. */
  readonly addresses: readonly string[];
}

export interface EarOptions {
  readonly onEvent: (where: Listened, event: ConntrackEvent) => void;
  readonly onOverflow: (where: Listened) => void;
  readonly onError: (error: Error) => void;
}

/** Host, sandbox and fabric; what is not there is not listened to. `machine` keeps their namespaces open. */
export function listenToNode(machine: Machine, names: Settings['names'], options: EarOptions): Ear[] {
  const places = [['host', 'host'], ['sandbox', names.sandbox], ['fabric', names.fabric]] as const;
  return places.flatMap(([place, name]) => {
    const open = machine.open(place);
    return open === undefined ? [] : [listen({ key: place, place, name }, open.namespace, [], options)];
  });
}

/** Tasks of this node that hold one of the addresses and are not listened to yet. Their namespaces are the caller's to close. */
export function listenToTasks(machine: Machine, cluster: ClusterState | null, servers: ReadonlySet<string>, known: readonly Ear[], options: EarOptions): Ear[] {
  const fabric = machine.open('fabric');
  if (fabric === undefined) return [];
  const found = readTasks({ place: 'fabric', namespace: fabric.namespace, devices: deviceNames(fabric.routes().links()) });
  return found.flatMap(({ name: path, network }) => {
    const addresses = network.addresses.map(({ address }) => address).filter((address) => servers.has(address));
    if (addresses.length === 0) return [];
    let namespace: NetworkNamespace;
    try {
      namespace = NetworkNamespace.at(path);
    } catch {
      return []; // it has just ended
    }
    if (known.some((ear) => ear.namespace.isSameAs(namespace))) {
      namespace.close();
      return [];
    }
    const name = cluster?.tasks.find(({ identity }) => addresses.includes(identity.address))?.name ?? addresses[0] ?? path;
    return [listen({ key: `task ${namespace.identity.inode}`, place: 'task', name }, namespace, addresses, options)];
  });
}

function listen(where: Listened, namespace: NetworkNamespace, addresses: readonly string[], { onEvent, onOverflow, onError }: EarOptions): Ear {
  const conntrack = Conntrack.open({
    namespace,
    onEvent: (event) => { onEvent(where, event); },
    onOverflow: () => { onOverflow(where); },
    onError,
  });
  return { where, namespace, conntrack, addresses };
}
