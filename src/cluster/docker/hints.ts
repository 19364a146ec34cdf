/** What an event of Docker makes worth looking at. */
import type { LookScope } from './cluster-cache.js';
import type { DockerEvent } from './events.js';
import { idOf } from './json.js';

/** Containers are only this node's own, but they tell of its tasks sooner than the managers do. */
export const clusterEventFilters = { type: ['service', 'node', 'network', 'container'] } as const;

const telling: ReadonlySet<string> = new Set(['start', 'die', 'destroy', 'health_status: healthy', 'health_status: unhealthy']);

/** Null: of no interest (health checks alone make several events a second). */
export function hintOf({ type, action, id, attributes }: DockerEvent): LookScope | null {
  switch (type) {
    case 'service':
      return id === '' ? { kind: 'cluster' } : { kind: 'services', ids: new Set([id]) };
    case 'node':
      return { kind: 'cluster' };
    case 'network':
      // A container's comings and goings say nothing that its service does not.
      return action === 'connect' || action === 'disconnect' ? null : { kind: 'everything' };
    case 'container': {
      const serviceId = idOf(attributes, 'com.docker.swarm.service.id');
      return serviceId !== null && telling.has(action) ? { kind: 'services', ids: new Set([serviceId]) } : null;
    }
    default:
      return null;
  }
}
