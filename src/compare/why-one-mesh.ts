/** Why a port is in one mesh only, or is not answered by ours. Pure. */
import type { Publication, PublishingService } from '../cluster/docker/publications.js';
import type { PublishedPort, Service } from '../cluster/state.js';
import { portKey, type PortKey } from '../plan/fwmark.js';
import type { Answering } from './answering.js';
import type { ComparedPort } from './comparison.js';
import type { Observation } from './observation.js';

/** By the saved state. */
export function publisherInState({ cluster }: Pick<Observation, 'cluster'>, key: PortKey): { readonly service: Service; readonly port: PublishedPort } | null {
  for (const service of cluster?.services ?? []) {
    const port = service.ports.find(({ protocol, published }) => portKey(protocol, published) === key);
    if (port !== undefined && service.removed !== true) return { service, port };
  }
  return null;
}

/** By this node's Docker: Swarm's own before labels, as ports are granted. */
export function publisherInDocker({ docker }: Pick<Observation, 'docker'>, key: PortKey): { readonly service: PublishingService; readonly port: Publication } | null {
  const found = (docker ?? []).flatMap((service) => service.ports.filter(({ protocol, published }) => portKey(protocol, published) === key).map((port) => ({ service, port })));
  return found.find(({ port }) => port.publishedBy === 'swarm') ?? found[0] ?? null;
}

export function whyOneMesh(seen: Observation, key: PortKey, servedBy: ComparedPort['servedBy'], answering: Answering): string | null {
  switch (servedBy) {
    case 'both':
      return whyNotOurs(answering);
    case 'routemesh':
      return whyOnlyRoutemesh(seen, key);
    case 'dockerd':
      return whyOnlyDockerd(seen, key);
    case 'neither':
      return 'it is closed in both; routemesh keeps its last connections until they end';
  }
}

function whyNotOurs(answering: Answering): string | null {
  switch (answering) {
    case 'routemesh':
      return null;
    case 'dockerd':
      return 'both serve it and dockerd’s jump stands first: a running controller puts ours before it';
    case 'others':
      return 'a rule before both meshes takes it: `routemesh trace` names it';
    case 'nobody':
      return 'both serve it, but no rule sends it there: a jump is missing, `routemesh trace` says which';
  }
}

function whyOnlyRoutemesh(seen: Observation, key: PortKey): string {
  const publishedBy = publisherInState(seen, key)?.port.publishedBy ?? publisherInDocker(seen, key)?.port.publishedBy;
  if (publishedBy === 'label') return 'the label routemesh.publish publishes it, and dockerd knows nothing of that';
  if (publishedBy === 'file') return 'the cluster file publishes it, and dockerd knows nothing of that';
  return seen.sandboxes.dockerd === null ? 'dockerd has no ingress on this node' : 'dockerd’s ingress does not have it on this node, or not yet';
}

function whyOnlyDockerd(seen: Observation, key: PortKey): string {
  const refusal = seen.conditions.find(({ message }) => message.includes(`${key} `));
  if (refusal !== undefined) return `${refusal.reason}: ${refusal.message}`;
  const publisher = publisherInDocker(seen, key);
  if (publisher?.service.enabled === false) return 'the label routemesh.enabled=false leaves its service to dockerd';
  if (publisher?.port.enabled === false) return 'a label routemesh.PORT.enabled=false leaves this port to dockerd';
  if (seen.controller === null) return 'no controller of routemesh runs on this node';
  if (seen.docker === null) return 'its service is left to dockerd (label routemesh.enabled=false), or this node does not know it yet; managers can tell';
  return 'routemesh has not opened it: `routemesh status` says why';
}
