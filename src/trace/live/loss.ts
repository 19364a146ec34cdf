/** Where the packets of a connection got no further: each place has tracked what passed it. Pure. */
import type { PortKey } from '../../plan/fwmark.js';
import { endpointText } from './entry.js';
import type { Ending, LiveSocket, Loss } from './moment.js';
import type { Chapter } from './story.js';

export interface LossInput {
  readonly chapters: readonly Chapter[];
  readonly socket: LiveSocket | null;
  readonly ending: Ending;
  readonly port: PortKey;
  /** The sandbox's address on the gateway bridge. */
  readonly sandbox: string;
  /** What comes next, for people: `mesh_sbox` behind `host`. Null: the way ends here, or leads to another node. */
  nextOf(chapter: Chapter): string | null;
}

/** Null: nothing was lost, as far as can be told. */
export function lossOf(input: LossInput): Loss | null {
  const { chapters, ending } = input;
  const [first] = chapters;
  const last = chapters.at(-1);
  if (first === undefined || last === undefined) return null;
  const taken = takenElsewhere(first, input) ?? notBalanced(input);
  if (taken !== null) return taken;
  if (ending === 'closed' || ending === 'answered' || ending === 'reset') return null;
  return lostRequest(last, input) ?? lostAnswer(input) ?? silentTask(last, input);
}

/** The host sent it to somebody else than the sandbox. */
function takenElsewhere({ where, entry: { there, back } }: Chapter, { sandbox, port }: LossInput): Loss | null {
  if (where.place !== 'host' || back.source === sandbox) return null;
  const isSentOn = back.source !== there.destination || back.sourcePort !== there.destinationPort;
  return {
    of: 'request',
    seenIn: where.name,
    why: isSentOn
      ? `the host sent it to ${endpointText(back.source, back.sourcePort)}, which is not routemesh’s sandbox (dockerd’s own ingress, or a rule of somebody else’s)`
      : 'no rule of the host sent it on, so it went to whatever listens on the host itself',
    remedy: remedyFor(port, there.source),
  };
}

/** IPVS left the sandbox's own address as it was. */
function notBalanced({ chapters, port }: LossInput): Loss | null {
  const sandbox = chapters.find(({ where }) => where.place === 'sandbox');
  if (sandbox === undefined || sandbox.entry.there.destination !== sandbox.entry.back.source) return null;
  const { name } = sandbox.where;
  return { of: 'request', seenIn: name, why: `IPVS of ${name} sent it to nobody, so it went to ${name} itself, where nothing listens: its mark or its virtual service is missing`, remedy: remedyFor(port, clientOf({ chapters })) };
}

function lostRequest(last: Chapter, input: LossInput): Loss | null {
  const next = input.nextOf(last);
  if (next === null || (last.entry.answered === true && input.ending !== 'refused')) return null;
  const { name } = last.where;
  const why = input.ending === 'refused'
    ? `${name} passed it on, and a reset came back instead of its getting through ${next}: a rule there rejects it, or nothing there takes it`
    : `${name} passed it on, and it never got through ${next}: a rule or a route drops it there, or the cable between them is down`;
  return { of: 'request', seenIn: name, why, remedy: remedyFor(input.port, clientOf(input)) };
}

/** The first place, seen from the task, that has seen no answer although the one behind it has. */
function lostAnswer({ chapters, ending, ...input }: LossInput): Loss | null {
  if (ending === 'refused') return null;
  const tracked = chapters.filter(({ entry }) => entry.answered !== null);
  const index = tracked.findLastIndex(({ entry }) => entry.answered === false);
  const behind = tracked[index + 1];
  const before = tracked[index];
  const remedy = remedyFor(input.port, clientOf({ chapters }));
  if (before !== undefined && behind !== undefined) {
    return { of: 'answer', seenIn: behind.where.name, why: `the answer came as far as ${behind.where.name}, and never into ${before.where.name}: a rule or a route ${between(chapters, before, behind)} lets it go no further`, remedy };
  }
  const [first] = chapters;
  if (index >= 0 || first === undefined || first.established || first.entry.state === null) return null;
  return { of: 'answer', seenIn: first.where.name, why: `the answer came as far as ${first.where.name}, and the client never took it up: a rule of ${first.where.name} drops it on its way out, or the network behind does`, remedy };
}

/** Where two tracked places are not neighbours, what is between them may be at fault as well. */
function between(chapters: readonly Chapter[], before: Chapter, behind: Chapter): string {
  const names = chapters.slice(chapters.indexOf(before) + 1, chapters.indexOf(behind) + 1).map(({ where }) => where.name);
  return `of ${names.reverse().join(' or ')}`;
}

function silentTask({ where, entry: { there } }: Chapter, { socket, ending, chapters }: LossInput): Loss | null {
  const task = where.place === 'task' ? where.name : `the task at ${endpointText(there.destination, there.destinationPort)}`;
  const told = (why: string, remedy: string): Loss => ({ of: 'task', seenIn: where.name, why, remedy });
  if (ending === 'refused') return told(`${task} refuses it: nothing listens on port ${there.destinationPort} in it`, 'Does the service publish the port that its program listens on (`--publish PUBLISHED:TARGET`), and does the program listen on all addresses?');
  if (socket?.accepted === false) return told(`${task} has it, but its program never accepted it: its kernel alone answered${waiting(socket)}`, stuckRemedy);
  if (socket !== null && socket.unread > 0) return told(`${task} has it, but its program does not read${waiting(socket)}`, stuckRemedy);
  if (chapters.some(({ entry }) => entry.answered === true)) return null;
  return told(`${task} got it, and never answered`, 'Does a firewall in the task drop it, or is its program’s queue of connections full?');
}

const stuckRemedy = 'Is the program busy, stopped or paused? See `docker ps` and `docker top` on the task’s node.';

function waiting({ unread }: LiveSocket): string {
  return unread === 0 ? '' : ` (${unread} bytes of the client’s wait unread)`;
}

function clientOf({ chapters }: Pick<LossInput, 'chapters'>): string {
  return chapters[0]?.entry.there.source ?? '';
}

function remedyFor(port: PortKey, client: string): string {
  return `\`routemesh trace ${port} --from ${client}\` shows each rule and route of the way there and back.`;
}
