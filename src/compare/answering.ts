/** Whose rule takes a client's packet for a port on this node: the first of them that sends it elsewhere. Pure. */
import type { Settings } from '../settings.js';
import { entryOf } from '../trace/host.js';
import { surroundingsOf } from '../trace/hook.js';
import type { SeenPlace } from '../trace/observation.js';
import { neutralClient, type TraceRequest } from '../trace/request.js';
import { walk } from '../trace/rules/walk.js';

/** `others`: a container that dockerd publishes by itself, or a rule of the node's owner. `nobody`: no rule takes it. */
export type Answering = 'routemesh' | 'dockerd' | 'others' | 'nobody';

export const dockerChain = 'DOCKER-INGRESS';

export function answeringAt(host: SeenPlace, { protocol, port }: Pick<TraceRequest, 'protocol' | 'port'>, { chain }: Pick<Settings['names'], 'chain'>): Answering {
  const { packet } = entryOf({ host }, { protocol, port, client: neutralClient });
  const name = { table: 'nat', chain: 'PREROUTING' };
  const { decision, by } = walk(host.iptables.document.tables.get('nat'), name, packet, surroundingsOf(host));
  if (by === null || (decision.type !== 'destination' && decision.type !== 'redirect')) return 'nobody';
  if (by.chain === chain) return 'routemesh';
  return by.chain === dockerChain ? 'dockerd' : 'others';
}
