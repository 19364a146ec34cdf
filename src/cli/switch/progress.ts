/** Has this node's mesh followed the label yet? From what the kernel and the running controller say. Pure. */
import type { Answering } from '../../compare/answering.js';
import type { Publication } from '../../cluster/docker/publications.js';
import { isUnserved, type StatusReport } from '../../controller/report.js';
import { portKey, type PortKey } from '../../plan/fwmark.js';
import type { Mesh } from './label.js';

export interface PortAnswer {
  readonly port: PortKey;
  readonly publishedBy: Publication['publishedBy'];
  readonly answering: Answering;
}

export interface Facts {
  readonly service: { readonly id: string };
  readonly to: Mesh;
  readonly ports: readonly PortAnswer[];
  /** Of the controller of this node; null: it does not answer. */
  readonly report: Pick<StatusReport, 'ports' | 'conditions' | 'lastSync'> | null;
  /** When the label was set, in milliseconds since 1970. */
  readonly setAt: number;
}

export type Progress =
  | { readonly state: 'done' }
  | { readonly state: 'waiting'; readonly for: readonly PortKey[] }
  /** The mesh has looked, and will not serve a port. */
  | { readonly state: 'refused'; readonly messages: readonly string[] };

export function progressOf({ service, to, ports, report, setAt }: Facts): Progress {
  const missing = ports.filter((answer) => !isMoved(answer, service.id, to, report)).map(({ port }) => port);
  if (missing.length === 0) return { state: 'done' };
  const hasLooked = report !== null && report.lastSync !== null && Date.parse(report.lastSync.at) > setAt;
  const refusals = !hasLooked || to === 'dockerd' ? [] : report.conditions.filter((condition) => isUnserved(condition) && condition.object.kind === 'service' && condition.object.id === service.id);
  return refusals.length === 0 ? { state: 'waiting', for: missing } : { state: 'refused', messages: refusals.map(({ reason, message }) => `${reason}: ${message}`) };
}

/** A port may be another service's as well, which takes it over. */
function isMoved({ port, answering }: PortAnswer, serviceId: string, to: Mesh, report: Facts['report']): boolean {
  const isOurs = answering === 'routemesh';
  if (to === 'routemesh') return isOurs;
  const holder = report?.ports.find(({ protocol, published, accepting }) => accepting && portKey(protocol, published) === port);
  return !isOurs || (holder !== undefined && holder.serviceId !== serviceId);
}

/** Connections of a service that stay with our mesh although its ports are closed there. */
export function keptConnections(report: Pick<StatusReport, 'ports'> | null, serviceId: string): number {
  const closed = (report?.ports ?? []).filter((port) => port.serviceId === serviceId && !port.accepting);
  return closed.flatMap(({ backends }) => backends).reduce((sum, { connections }) => sum + (connections?.active ?? 0), 0);
}
