/** IPVS virtual services by firewall mark, their destinations (real servers), and the connection timeouts. */
import {
  deleteDestination,
  deleteService,
  setTimeouts,
  type NetlinkResult,
  type NewDestination,
  type NewVirtualService,
  type ServiceKey,
} from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Destination, IpvsTimeouts, Place, VirtualService } from '../plan/objects.js';
import { portOfFwmark } from '../plan/fwmark.js';
import { changesAtOnce, outcomeOf } from './batch.js';
import type { Action, Change } from './change.js';
import type { OpenPlace } from './machine.js';
import { nextTurn } from '../next-turn.js';
import { applying, observing, type Outcome, type PlacePair, type Reconciler } from './reconciler.js';
import { usesIpvs, type ObservedDestination, type ObservedIpvs, type ObservedVirtualService } from './state.js';

export type IpvsSubject =
  | { readonly type: 'service'; readonly service: ServiceKey; readonly settings: NewVirtualService | null }
  | { readonly type: 'destination'; readonly service: ServiceKey; readonly destination: Destination }
  | { readonly type: 'timeouts'; readonly timeouts: IpvsTimeouts };

export interface IpvsChange extends Change {
  readonly kind: 'ipvs';
  readonly subject: IpvsSubject;
  readonly device: null;
}

export const ipvsReconciler: Reconciler<'ipvs', IpvsChange> = {
  observe: observing(readIpvs),
  diff: (pairs) => pairs.flatMap(diffIpvs),
  apply: applying((open, changes) => applyIpvs(open, changes)),
};

/** Services asked for their destinations in one turn of the event loop: some milliseconds. */
export const servicesInOneTurn = 50;

async function readIpvs(open: OpenPlace, plan: PlacePlan, _machine: unknown, signal?: AbortSignal): Promise<ObservedIpvs> {
  if (!usesIpvs(plan)) return null;
  const ipvs = open.ipvs();
  const { tcpSeconds, tcpFinSeconds, udpSeconds } = ipvs.timeouts();
  const services: ObservedVirtualService[] = [];
  for (const service of ipvs.services()) {
    if (services.length % servicesInOneTurn === servicesInOneTurn - 1) await nextTurn(signal);
    services.push({
      key: service.key,
      scheduler: service.scheduler,
      affinitySeconds: service.persistenceSeconds ?? null,
      onePacket: service.onePacket,
      odd:
        service.persistenceEngine !== undefined ||
        service.schedulerFlags.flag1 ||
        service.schedulerFlags.flag2 ||
        service.schedulerFlags.flag3 ||
        (service.persistenceSeconds !== undefined && service.persistencePrefixLength !== 32),
      destinations: ipvs.destinations(service.key).map(({ address, port, weight, forwarding, upperThreshold, lowerThreshold }) => ({
        address,
        port,
        weight,
        odd: forwarding !== 'masquerade' || upperThreshold !== 0 || lowerThreshold !== 0,
      })),
    });
  }
  return { services, timeouts: { tcp: tcpSeconds, tcpFin: tcpFinSeconds, udp: udpSeconds } };
}

function diffIpvs({ desired, observed }: PlacePair): IpvsChange[] {
  const change = (action: Action, key: string, summary: string, subject: IpvsSubject): IpvsChange => ({
    kind: 'ipvs', place: desired.place, action, key, summary, subject, device: null,
  });
  const changes: IpvsChange[] = [];

  const timeouts = desired.ipvsTimeouts;
  const current = observed.ipvs?.timeouts ?? null;
  if (timeouts !== null && (current === null || wordsOf(timeouts) !== wordsOf(current))) {
    changes.push(change('change', 'timeouts', `IPVS timeouts ${wordsOf(timeouts)}${current === null ? '' : ` (was ${wordsOf(current)})`}`, { type: 'timeouts', timeouts }));
  }

  const found = new Map((observed.ipvs?.services ?? []).map((service) => [nameOf(service.key), service]));
  for (const service of desired.virtualServices) {
    const key: ServiceKey = { kind: 'fwmark', family: 'inet', fwmark: service.fwmark };
    const name = nameOf(key);
    const existing = found.get(name);
    found.delete(name);
    const subject: IpvsSubject = { type: 'service', service: key, settings: settingsOf(key, service) };
    if (existing === undefined) changes.push(change('add', name, `virtual service ${name} ${describeSettings(service)}`, subject));
    else if (existing.odd === true || describeSettings(service) !== describeSettings(existing)) {
      changes.push(change('change', name, `virtual service ${name} ${describeSettings(service)} (was ${describeSettings(existing)}${existing.odd === true ? ' and flags' : ''})`, subject));
    }
    for (const one of diffDestinations(desired.place, key, service.destinations, existing?.destinations ?? [])) changes.push(one);
  }
  for (const [name, { key }] of found) {
    changes.push(change('remove', name, `virtual service ${name}`, { type: 'service', service: key, settings: null }));
  }
  return changes;
}

function diffDestinations(place: Place, service: ServiceKey, desired: readonly Destination[], observed: readonly ObservedDestination[]): DestinationChange[] {
  const endpoint = ({ address, port }: Destination): string => `${address}:${port}`;
  const found = new Map(observed.map((destination) => [endpoint(destination), destination]));
  const changes: DestinationChange[] = [];
  for (const destination of desired) {
    const key = endpoint(destination);
    const existing = found.get(key);
    found.delete(key);
    if (existing === undefined) changes.push(new DestinationChange(place, 'add', service, destination));
    else if (existing.weight !== destination.weight || existing.odd === true) changes.push(new DestinationChange(place, 'change', service, destination, existing));
  }
  for (const destination of found.values()) changes.push(new DestinationChange(place, 'remove', service, destination));
  return changes;
}

/** Its words are made when they are asked for, as those of all changes that come by the thousand. */
class DestinationChange implements IpvsChange {
  readonly kind = 'ipvs';
  readonly device = null;

  constructor(readonly place: Place, readonly action: Action, private readonly service: ServiceKey, private readonly destination: Destination, private readonly before?: ObservedDestination) {}

  get subject(): Extract<IpvsSubject, { readonly type: 'destination' }> {
    return { type: 'destination', service: this.service, destination: this.destination };
  }

  get key(): string {
    const { service, destination: { address, port } } = this;
    return `${nameOf(service)} ${address}:${port}`;
  }

  get summary(): string {
    const { service, destination: { address, port, weight } } = this;
    const text = `destination ${address}:${port} of ${nameOf(service)}`;
    if (this.action === 'remove') return text;
    if (this.before === undefined) return `${text} weight ${weight}`;
    return this.before.weight === weight ? `${text} weight ${weight} (forwarding or thresholds were changed)` : `${text} weight ${this.before.weight} → ${weight}`;
  }
}

/** Services first, then their destinations, then removals: few sends whatever the number of changes. Waits for nothing. */
export function applyIpvs(open: OpenPlace, changes: readonly IpvsChange[]): Outcome[] {
  const ipvs = open.ipvs();
  const outcomes: Outcome[] = [];
  const step = <T>(select: (change: IpvsChange) => T | undefined, send: (items: T[]) => readonly NetlinkResult[]): void => {
    const selected: { readonly change: IpvsChange; readonly item: T }[] = [];
    const flush = (): void => {
      if (selected.length === 0) return;
      const results = send(selected.map(({ item }) => item));
      selected.forEach(({ change }, index) => outcomes.push(outcomeOf(change, results.slice(index, index + 1))));
      selected.length = 0;
    };
    for (const change of changes) {
      const item = select(change);
      if (item === undefined) continue;
      selected.push({ change, item });
      if (selected.length === changesAtOnce) flush();
    }
    flush();
  };

  step(
    ({ subject }) => (subject.type === 'timeouts' ? subject.timeouts : undefined),
    (items) => ipvs.request(items.map(({ tcp, tcpFin, udp }) => setTimeouts({ tcpSeconds: tcp, tcpFinSeconds: tcpFin, udpSeconds: udp }))),
  );
  step(
    ({ subject }) => (subject.type === 'service' ? (subject.settings ?? undefined) : undefined),
    (items) => ipvs.ensureServices(items),
  );
  step(
    ({ action, subject }) => (subject.type === 'destination' && action !== 'remove' ? { service: subject.service, destination: masquerading(subject.destination) } : undefined),
    (items) => ipvs.ensureDestinations(items),
  );
  step(
    ({ action, subject }) => (subject.type === 'destination' && action === 'remove' ? subject : undefined),
    (items) => ipvs.request(items.map(({ service, destination: { address, port } }) => deleteDestination(service, { address, port }))),
  );
  step(
    ({ subject }) => (subject.type === 'service' && subject.settings === null ? subject.service : undefined),
    (items) => ipvs.request(items.map(deleteService)),
  );
  return outcomes;
}

function masquerading({ address, port, weight }: Destination): NewDestination {
  return { address, port, weight, forwarding: 'masquerade', upperThreshold: 0, lowerThreshold: 0 };
}

function settingsOf(key: ServiceKey, { scheduler, affinitySeconds, onePacket }: VirtualService): NewVirtualService {
  return { key, scheduler, persistenceSeconds: affinitySeconds ?? undefined, onePacket };
}

function describeSettings({ scheduler, affinitySeconds, onePacket }: Pick<ObservedVirtualService, 'scheduler' | 'affinitySeconds' | 'onePacket'>): string {
  return [scheduler, ...(affinitySeconds === null ? [] : [`affinity ${affinitySeconds} s`]), ...(onePacket ? ['one packet'] : [])].join(', ');
}

/** `tcp/8080 (mark 0x61f90)`; the same for plan and observation. */
function nameOf(key: ServiceKey): string {
  if (key.kind === 'address') return `${key.protocol} ${key.address}:${key.port}`;
  const port = key.family === 'inet' ? portOfFwmark(key.fwmark) : null;
  const mark = `mark 0x${key.fwmark.toString(16)}${key.family === 'inet6' ? ' of IPv6' : ''}`;
  return port === null ? mark : `${port.protocol}/${port.port} (${mark})`;
}

function wordsOf({ tcp, tcpFin, udp }: IpvsTimeouts): string {
  return `tcp ${tcp} s, tcp-fin ${tcpFin} s, udp ${udp} s`;
}
