/** IPVS virtual services by firewall mark, their destinations (real servers), and the connection timeouts. */
import {
  deleteDestination,
  deleteService,
  setTimeouts,
  type NetlinkResult,
  type NewDestination,
  type NewVirtualService,
  type ObservedVirtualService as KernelVirtualService,
  type ServiceKey,
} from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Destination, IpvsTimeouts, Place, VirtualService } from '../plan/objects.js';
import { portOfFwmark } from '../plan/fwmark.js';
import { changesAtOnce, refusalOf } from './batch.js';
import type { Action, Change } from './change.js';
import type { OpenPlace } from './machine.js';
import { nextTurn } from '../next-turn.js';
import { applying, observing, type PlacePair, type Reconciler, type Refusal } from './reconciler.js';
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

type Settings = Pick<ObservedVirtualService, 'scheduler' | 'affinitySeconds' | 'onePacket'>;

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
  // All that the kernel says of ten thousand services would be kept for as long as their destinations are asked for.
  for (const service of ipvs.services().map(settingsOfObserved)) {
    if (services.length % servicesInOneTurn === servicesInOneTurn - 1) await nextTurn(signal);
    services.push({
      ...service,
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

function settingsOfObserved({ key, scheduler, persistenceSeconds, persistencePrefixLength, persistenceEngine, onePacket, schedulerFlags: { flag1, flag2, flag3 } }: KernelVirtualService): Omit<ObservedVirtualService, 'destinations'> {
  const hasOtherFlags = flag1 || flag2 || flag3 || persistenceEngine !== undefined;
  return {
    key,
    scheduler,
    affinitySeconds: persistenceSeconds ?? null,
    onePacket,
    odd: hasOtherFlags || (persistenceSeconds !== undefined && persistencePrefixLength !== 32),
  };
}

function diffIpvs({ desired, observed }: PlacePair): IpvsChange[] {
  const { place } = desired;
  const changes: IpvsChange[] = [];

  const timeouts = desired.ipvsTimeouts;
  const current = observed.ipvs?.timeouts ?? null;
  if (timeouts !== null && (current === null || wordsOf(timeouts) !== wordsOf(current))) {
    const summary = `IPVS timeouts ${wordsOf(timeouts)}${current === null ? '' : ` (was ${wordsOf(current)})`}`;
    changes.push({ kind: 'ipvs', place, action: 'change', key: 'timeouts', summary, subject: { type: 'timeouts', timeouts }, device: null });
  }

  const found = new Map((observed.ipvs?.services ?? []).map((service) => [identityOf(service.key), service]));
  for (const service of desired.virtualServices) {
    const existing = found.get(service.fwmark);
    found.delete(service.fwmark);
    const key: ServiceKey = existing?.key ?? { kind: 'fwmark', family: 'inet', fwmark: service.fwmark };
    if (existing === undefined) changes.push(new ServiceChange(place, 'add', key, service));
    else if (existing.odd === true || !haveSameSettings(service, existing)) changes.push(new ServiceChange(place, 'change', key, service, existing));
    addDestinationChanges(changes, place, key, service.destinations, existing?.destinations ?? []);
  }
  for (const { key } of found.values()) changes.push(new ServiceChange(place, 'remove', key, null));
  return changes;
}

/** Of ours, which are found by an IPv4 mark, its number. */
function identityOf(key: ServiceKey): number | string {
  return key.kind === 'fwmark' && key.family === 'inet' ? key.fwmark : nameOf(key);
}

function addDestinationChanges(changes: IpvsChange[], place: Place, service: ServiceKey, desired: readonly Destination[], observed: readonly ObservedDestination[]): void {
  if (desired === observed) return;
  const found = new Map<string, ObservedDestination>();
  for (const destination of observed) found.set(endpointOf(destination), destination);
  for (const destination of desired) {
    const key = found.size === 0 ? '' : endpointOf(destination);
    const existing = found.get(key);
    found.delete(key);
    if (existing === undefined) changes.push(new DestinationChange(place, 'add', service, destination));
    else if (existing.weight !== destination.weight || existing.odd === true) changes.push(new DestinationChange(place, 'change', service, destination, existing));
  }
  for (const destination of found.values()) changes.push(new DestinationChange(place, 'remove', service, destination));
}

function endpointOf({ address, port }: Destination): string {
  return `${address}:${port}`;
}

/** Its words are made when they are asked for, as those of all changes that come by the thousand. */
class ServiceChange implements IpvsChange {
  readonly kind = 'ipvs';
  readonly device = null;

  constructor(readonly place: Place, readonly action: Action, private readonly service: ServiceKey, private readonly desired: VirtualService | null, private readonly before?: ObservedVirtualService) {}

  get subject(): Extract<IpvsSubject, { readonly type: 'service' }> {
    return { type: 'service', service: this.service, settings: this.desired === null ? null : settingsOf(this.service, this.desired) };
  }

  get key(): string {
    return nameOf(this.service);
  }

  get summary(): string {
    const { desired, before } = this;
    const text = `virtual service ${this.key}`;
    if (desired === null) return text;
    if (before === undefined) return `${text} ${describeSettings(desired)}`;
    return `${text} ${describeSettings(desired)} (was ${describeSettings(before)}${before.odd === true ? ' and flags' : ''})`;
  }
}

/** As `ServiceChange`. */
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
export function applyIpvs(open: OpenPlace, changes: readonly IpvsChange[]): Refusal[] {
  const ipvs = open.ipvs();
  const refusals: Refusal[] = [];
  const step = <T>(select: (change: IpvsChange) => T | undefined, send: (items: T[]) => readonly NetlinkResult[]): void => {
    const selected: { readonly change: IpvsChange; readonly item: T }[] = [];
    const flush = (): void => {
      if (selected.length === 0) return;
      const results = send(selected.map(({ item }) => item));
      for (const [index, { change }] of selected.entries()) {
        const refusal = refusalOf(change, results.slice(index, index + 1));
        if (refusal !== null) refusals.push(refusal);
      }
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
  return refusals;
}

function masquerading({ address, port, weight }: Destination): NewDestination {
  return { address, port, weight, forwarding: 'masquerade', upperThreshold: 0, lowerThreshold: 0 };
}

function settingsOf(key: ServiceKey, { scheduler, affinitySeconds, onePacket }: VirtualService): NewVirtualService {
  return { key, scheduler, persistenceSeconds: affinitySeconds ?? undefined, onePacket };
}

function haveSameSettings(one: Settings, other: Settings): boolean {
  return one.scheduler === other.scheduler && one.affinitySeconds === other.affinitySeconds && one.onePacket === other.onePacket;
}

function describeSettings({ scheduler, affinitySeconds, onePacket }: Settings): string {
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
