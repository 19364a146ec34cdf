/** Tasks as the kernel shows them: the namespaces that the fabric's cables end in. */
import { listListeners, type NetworkNamespace, type RouteNetlink } from '../../native/index.js';
import { networkNamespacePaths } from '../kernel/namespace-paths.js';
import { inNamespace } from '../kernel/traces.js';
import { taskDevice } from '../plan/devices.js';
import type { SeenTask } from './observation.js';
import { readNetwork, type OtherPlace } from './read-network.js';

export function readTasks(fabric: OtherPlace): SeenTask[] {
  return networkNamespacePaths().flatMap((path) => inNamespace(path, (namespace, socket) => readTask(path, namespace, socket, fabric)) ?? []);
}

/** Undefined for a namespace that no cable of the fabric ends in. */
function readTask(path: string, namespace: NetworkNamespace, socket: RouteNetlink, fabric: OtherPlace): SeenTask | undefined {
  const link = socket.link(taskDevice);
  if (link?.kind !== 'veth' || link.peerIndex === undefined || link.peerNamespaceId === undefined) return undefined;
  const cable = socket.namespaceId(fabric.namespace) === link.peerNamespaceId ? fabric.devices.get(link.peerIndex) : undefined;
  if (cable === undefined) return undefined;
  const place = `task:${path}` as const;
  return {
    place,
    name: path,
    enter: ['nsenter', `--net=${path}`],
    network: readNetwork(socket, namespace, place, [fabric], []),
    cable,
    device: taskDevice,
    listening: new Set(listListeners(namespace).map(({ protocol, port }) => `${protocol}/${port}`)),
  };
}
