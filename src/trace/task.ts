/** A task of this node: it holds the identity, and answers from it by `mesh0`. */
import type { Ipv4Address } from '../cluster/state.js';
import { portKey } from '../plan/fwmark.js';
import { taskTable } from '../plan/task.js';
import { surroundingsOf } from './hook.js';
import type { Observation, SeenTask } from './observation.js';
import { arriving, type Packet } from './packet.js';
import { byController } from './repair.js';
import { routed, type Routing } from './routing.js';
import type { Way } from './way.js';
import { command } from './words.js';

/** `packet`: as it comes over the cable. `name`: what people call the task. True where it is taken, and answered on the way back. */
export function reachTask(way: Way, seen: Observation, task: SeenTask, name: string, packet: Packet): boolean {
  const identity = packet.destination;
  const target = portKey(packet.protocol, packet.destinationPort);
  const hop = { place: 'task', name, step: 'address', what: `${task.device} takes it for ${identity}, ${target}`, commands: [command(task, 'ip', 'addr'), command(task, 'ss', '-lnptu')] } as const;
  if (!surroundingsOf(task).isLocal(identity)) {
    way.end(hop, { why: `no device of the task has ${identity}: it has left its network, or another task took its place`, remedy: byController(seen) });
    return false;
  }
  way.pass({ ...hop, notes: task.listening.has(target) ? [] : [`nothing listens on ${target} in it${packet.protocol === 'tcp' ? ': connections are refused, unless a rule in the task sends them elsewhere' : ''}`] });
  return passReply(way, seen, task, name, packet);
}

function passReply(way: Way, seen: Observation, task: SeenTask, name: string, packet: Packet): boolean {
  const { source: client, sourcePort: clientPort, destination: identity, destinationPort: target, protocol } = packet;
  const reply = arriving(protocol, { source: identity, sourcePort: target, destination: client, destinationPort: clientPort }, null);
  const found = routed(task.network, reply);
  const hop = {
    place: 'task',
    name,
    step: 'reply',
    what: `its answer to ${client} ${found.type === 'route' ? replyWords(found) : 'has no route'}`,
    commands: [command(task, 'ip', 'rule'), command(task, 'ip', 'route', 'show', 'table', String(taskTable)), command(task, 'ip', 'route', 'get', client, 'from', identity)],
  } as const;
  if (found.type === 'route' && found.route.device === task.device) {
    way.pass(hop);
    return true;
  }
  way.end(hop, { why: `${flawOf(task, identity)}: the answer does not go back by ${task.device}, and the client never gets it`, remedy: byController(seen) });
  return false;
}

function replyWords({ route: { via, device, table }, rule }: Extract<Routing, { type: 'route' }>): string {
  return `leaves ${via === null ? '' : `via ${via} `}by ${device ?? 'no device'} (rule ${rule.priority}, table ${table})`;
}

function flawOf(task: SeenTask, identity: Ipv4Address): string {
  const { rules, routes } = task.network;
  if (!rules.some(({ from, table }) => from === `${identity}/32` && table === taskTable)) return `the rule “from ${identity} lookup ${taskTable}” is missing`;
  if (!routes.some(({ table, device, destination }) => table === taskTable && device === task.device && destination === '0.0.0.0/0')) return `table ${taskTable} has no default route by ${task.device}`;
  return `another rule or route comes before “from ${identity} lookup ${taskTable}”`;
}
