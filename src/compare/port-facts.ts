/** One port in both meshes: mark, scheduler, source address, real servers. Pure. */
import { byName } from '../cluster/sorting.js';
import { hexOf } from '../plan/fwmark.js';
import type { SeenRealServer } from '../trace/observation.js';
import { fact, type Fact } from './comparison.js';
import type { MeshPort } from './mesh-port.js';
import type { OfEach } from './observation.js';
import { wordsOfSource } from './sandbox-facts.js';

export interface ServerNames {
  /** Name of the task with an identity; undefined where nobody knows. */
  taskOf(address: string): string | undefined;
}

const reasons = {
  mark: 'routemesh’s mark is protocol and number of the port, the same on every node; dockerd counts its marks up from 256 as services come',
  scheduler: 'routemesh.scheduler, routemesh.affinity and routemesh.udp choose; dockerd always takes turns (rr)',
  source: 'dockerd hides the client behind its sandbox’s address (SNAT)',
  target: 'dockerd sends the published number on and redirects it inside of the task; here IPVS translates it to the target port',
  ourDrain: 'routemesh drains this task, or does not reach its node: it keeps its connections and gets no new ones; dockerd goes on sending',
  theirDrain: 'a drained task stays at weight 0 in dockerd’s IPVS, also when it comes back',
  weight: 'routemesh gives each task the weight that the cluster asks for',
  leftThere: 'a drained task stays at weight 0 in dockerd’s IPVS until it has stopped; routemesh takes it out when its last connection has ended',
  leftHere: 'routemesh keeps the task’s last connections; dockerd has taken it out',
  onlyThere: 'dockerd sends to a task that routemesh does not have, or has no more',
  onlyHere: 'routemesh sends to a task that dockerd does not have, or has no more',
} as const;

/** A port of one mesh alone: what the other does not have needs no reason but the port's own. */
export function factsOfOneMesh(facts: readonly Fact[]): Fact[] {
  return facts.map((fact) => (fact.routemesh === null || fact.dockerd === null ? { ...fact, why: null } : fact));
}

/** `besideIngress`: the identities are on another overlay than dockerd's addresses, so no address is in both. */
export function portFacts(meshes: OfEach<MeshPort>, names: ServerNames, besideIngress: boolean): Fact[] {
  const { routemesh, dockerd } = meshes;
  const addresses = [...new Set([...routemesh.servers, ...dockerd.servers].map(({ address }) => address))];
  return [
    fact('firewall mark', wordsOfMark(routemesh), wordsOfMark(dockerd), reasons.mark),
    fact('scheduler', wordsOfScheduler(routemesh), wordsOfScheduler(dockerd), reasons.scheduler),
    fact('source address', wordsOfOwnSource(routemesh), wordsOfOwnSource(dockerd), reasons.source),
    ...addresses.sort(byName).map((address) => serverFact(address, find(routemesh, address), find(dockerd, address), names, besideIngress)),
  ];
}

/** Do both send new connections to the same tasks? */
export function haveSameServers({ routemesh, dockerd }: OfEach<MeshPort>): boolean {
  const taking = ({ servers }: MeshPort): string => servers.filter(({ weight }) => weight > 0).map(({ address }) => address).sort().join();
  return taking(routemesh) === taking(dockerd);
}

function serverFact(address: string, ours: SeenRealServer | undefined, theirs: SeenRealServer | undefined, names: ServerNames, besideIngress: boolean): Fact {
  const task = names.taskOf(address);
  const what = `real server ${address}${task === undefined ? '' : ` ${task}`}`;
  const why = besideIngress ? 'routemesh.network: this service’s identities are on another overlay than ingress, which is all that dockerd uses' : whyServersDiffer(ours, theirs);
  return { what, routemesh: wordsOfServer(ours), dockerd: wordsOfServer(theirs), why };
}

function whyServersDiffer(ours: SeenRealServer | undefined, theirs: SeenRealServer | undefined): string | null {
  if (ours === undefined) return theirs?.weight === 0 ? reasons.leftThere : reasons.onlyThere;
  if (theirs === undefined) return ours.weight === 0 ? reasons.leftHere : reasons.onlyHere;
  if (ours.weight === 0 && theirs.weight > 0) return reasons.ourDrain;
  if (ours.weight > 0 && theirs.weight === 0) return reasons.theirDrain;
  if (ours.weight !== theirs.weight) return reasons.weight;
  return ours.port === theirs.port ? null : reasons.target;
}

function find({ servers }: MeshPort, address: string): SeenRealServer | undefined {
  return servers.find((server) => server.address === address);
}

function wordsOfMark({ mark }: MeshPort): string | null {
  return mark === null ? null : `${hexOf(mark)} (${mark})`;
}

function wordsOfScheduler({ scheduler, persistenceSeconds, onePacket }: MeshPort): string | null {
  if (scheduler === null) return null;
  return [scheduler, ...(persistenceSeconds === null ? [] : [`affinity ${persistenceSeconds} s`]), ...(onePacket ? ['one packet'] : [])].join(', ');
}

function wordsOfOwnSource(port: MeshPort): string | null {
  return port.scheduler === null ? null : wordsOfSource(port.sourceAddress);
}

/** Port 0 leaves the number as it is. */
function wordsOfServer(server: SeenRealServer | undefined): string | null {
  if (server === undefined) return null;
  const { port, weight, active } = server;
  return `${port === 0 ? 'same port' : `port ${port}`}, weight ${weight}, ${active} active`;
}
