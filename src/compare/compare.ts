/** What is read of a node → its two meshes side by side. Pure. */
import { portKey, fwmarkOf, type PortKey } from '../plan/fwmark.js';
import { answeringAt, dockerChain } from './answering.js';
import type { ComparedPort, Comparison, Verdict } from './comparison.js';
import { hostFacts } from './host-facts.js';
import { meshPort, portsIn } from './mesh-port.js';
import type { PublishedKey } from './published-by.js';
import type { Observation, OfEach, SeenSandbox } from './observation.js';
import { factsOfOneMesh, haveSameServers, portFacts } from './port-facts.js';
import { sandboxFacts } from './sandbox-facts.js';
import { publisherInDocker, publisherInState, whyOneMesh } from './why-one-mesh.js';

export function compare(seen: Observation): Comparison {
  const { host, sandboxes, settings } = seen;
  const { chain } = settings.names;
  const found = new Map([...portsIn(host, chain, sandboxes.routemesh, true), ...portsIn(host, dockerChain, sandboxes.dockerd, false)]);
  const ports = [...found.values()].sort((one, other) => fwmarkOf(one.protocol, one.published) - fwmarkOf(other.protocol, other.published)).map((port) => comparePort(seen, port));
  return {
    meshes: { routemesh: { chain, sandbox: sandboxes.routemesh?.path ?? null }, dockerd: { chain: dockerChain, sandbox: sandboxes.dockerd?.path ?? null } },
    host: hostFacts(seen),
    sandbox: sandboxFacts(seen, ports),
    ports,
    verdict: verdictOf(ports),
    sandboxes: { routemesh: asRead(sandboxes.routemesh), dockerd: asRead(sandboxes.dockerd) },
  };
}

function comparePort(seen: Observation, port: PublishedKey): ComparedPort {
  const { host, sandboxes, settings, cluster } = seen;
  const key = portKey(port.protocol, port.published);
  const meshes = {
    routemesh: meshPort(host, settings.names.chain, sandboxes.routemesh, port, fwmarkOf(port.protocol, port.published)),
    dockerd: meshPort(host, dockerChain, sandboxes.dockerd, port, null),
  };
  const servedBy = servedByOf({ routemesh: meshes.routemesh.sentTo !== null, dockerd: meshes.dockerd.sentTo !== null });
  const answering = answeringAt(host, { protocol: port.protocol, port: port.published }, settings.names);
  const inState = publisherInState(seen, key);
  const besideIngress = inState?.service.besideIngress === true;
  const facts = portFacts(meshes, { taskOf: (address) => cluster?.tasks.find(({ identity }) => identity.address === address)?.name }, besideIngress);
  return {
    port: key,
    service: inState?.service.name ?? publisherInDocker(seen, key)?.service.name ?? null,
    servedBy,
    answering,
    why: whyOneMesh(seen, key, servedBy, answering),
    sameServers: servedBy === 'both' && !besideIngress ? haveSameServers(meshes) : null,
    facts: servedBy === 'both' ? facts : factsOfOneMesh(facts),
    meshes,
  };
}

function servedByOf({ routemesh, dockerd }: OfEach<boolean>): ComparedPort['servedBy'] {
  if (routemesh) return dockerd ? 'both' : 'routemesh';
  return dockerd ? 'dockerd' : 'neither';
}

function verdictOf(ports: readonly ComparedPort[]): Verdict {
  const number = (servedBy: ComparedPort['servedBy']): number => ports.filter((port) => port.servedBy === servedBy).length;
  const different: PortKey[] = ports.filter(({ sameServers }) => sameServers === false).map(({ port }) => port);
  return { both: number('both'), onlyRoutemesh: number('routemesh'), onlyDockerd: number('dockerd'), different };
}

function asRead(sandbox: SeenSandbox | null): Comparison['sandboxes']['routemesh'] {
  if (sandbox === null) return null;
  const { path, addresses, sysctls, timeouts } = sandbox;
  return { path, addresses, sysctls, timeouts };
}
