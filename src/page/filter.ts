/** What of a snapshot a person asks to see. Pure. */
import type { MeshPort, MeshServer, MeshSnapshot, ServerState } from './wire.js';

/** What people call a state. */
export const stateWords: Readonly<Record<ServerState, string>> = {
  serving: 'serving',
  draining: 'draining',
  unreachable: 'no answer',
  gone: 'gone',
};

/** Every word must be found: in the port, the service, the task, the node, an address or the state. */
export function filterSnapshot(snapshot: MeshSnapshot, query: string): MeshSnapshot {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return snapshot;
  const nodes = new Map(snapshot.nodes.map((node) => [node.id, `${node.name} ${node.address}`]));
  const holds = (text: string): boolean => words.every((word) => text.includes(word));
  const ports = snapshot.ports.flatMap((port): MeshPort[] => {
    const portText = `${port.id} ${port.service} ${port.scheduler ?? ''}`.toLowerCase();
    const servers = port.servers.filter((server) => holds(`${portText} ${textOf(server, nodes.get(server.nodeId) ?? '')}`));
    return servers.length > 0 || holds(portText) ? [{ ...port, servers }] : [];
  });
  return { ...snapshot, ports };
}

function textOf({ task, address, port, state }: MeshServer, node: string): string {
  return `${task} ${address}:${port} ${stateWords[state]} ${node}`.toLowerCase();
}

export function countTasks({ ports }: MeshSnapshot): number {
  return new Set(ports.flatMap(({ servers }) => servers.map(({ taskId }) => taskId))).size;
}
