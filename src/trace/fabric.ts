/** From IPVS to one real server: out of the sandbox, through the fabric, over a cable to a task or the tunnel to a peer. */
import { passForwarding } from './forwarding.js';
import { passHook } from './hook.js';
import { passCable, passRoute, type Departure } from './leaving.js';
import type { Observation, SeenPlace, SeenRealServer, SeenTask } from './observation.js';
import { arriving, type Packet } from './packet.js';
import { byController } from './repair.js';
import type { TraceRequest } from './request.js';
import type { Way } from './way.js';
import { command } from './words.js';

/** As it leaves the fabric. */
export interface FabricExit {
  readonly packet: Packet;
  readonly departure: Departure;
  /** Null: over the tunnel. */
  readonly task: SeenTask | null;
  /** The fabric's end of the cable to the sandbox. */
  readonly entrance: string;
}

/** `scheduled`: the packet as IPVS took it. Null where it ends. */
export function throughFabric(way: Way, seen: Observation, request: TraceRequest, sandbox: SeenPlace, scheduled: Packet, server: SeenRealServer): FabricExit | null {
  const entered = intoFabric(way, seen, sandbox, scheduled, server);
  const { fabric } = seen;
  if (entered === null || fabric === null) return null;
  const { packet: sent, entrance } = entered;
  const arrived = passHook(way, seen, fabric, arriving(request.protocol, sent, entrance), { hook: 'PREROUTING', told: [] });
  if (arrived === null || !passForwarding(way, seen, fabric)) return null;
  const departure = passRoute(way, seen, fabric, arrived, {
    towards: 'by the cable to its task or by the tunnel to its node',
    isRight: ({ name, kind }) => name !== entrance && (kind === 'veth' || kind === 'vxlan'),
  });
  if (departure === null) return null;
  const forwarded = passHook(way, seen, fabric, { ...arrived, outputDevice: departure.device.name }, { hook: 'FORWARD', told: ['filter'] });
  const packet = forwarded === null ? null : passHook(way, seen, fabric, forwarded, { hook: 'POSTROUTING', told: [] });
  if (packet === null) return null;
  if (departure.device.kind === 'vxlan') return { packet, departure, task: null, entrance };

  const task = seen.tasks.find(({ cable }) => cable === departure.device.name);
  const far = task?.network.devices.find(({ name }) => name === task.device);
  if (task === undefined) {
    way.end(
      { place: 'fabric', name: fabric.name, step: 'cable', what: `leaves by ${departure.device.name}`, commands: [command(fabric, 'ip', '-d', 'link', 'show', departure.device.name)] },
      { why: 'the other end of this cable is in no namespace of a living task', remedy: byController(seen) },
    );
    return null;
  }
  return passCable(way, seen, fabric, departure, departure.device, { name: `${task.device} of the task`, device: far }) ? { packet, departure, task, entrance } : null;
}

/** IPVS sends it on as the sandbox's own (ip_vs_nat_xmit() of net/netfilter/ipvs/ip_vs_xmit.c), routed by its destination alone. */
function intoFabric(way: Way, seen: Observation, sandbox: SeenPlace, scheduled: Packet, server: SeenRealServer): { readonly packet: Packet; readonly entrance: string } | null {
  const { fabric } = seen;
  const chosen: Packet = { ...scheduled, destination: server.address, destinationPort: server.port, inputDevice: null, connection: { ...scheduled.connection, destinationTranslated: true } };
  const name = seen.settings.names.fabric;
  if (fabric === null) {
    way.end({ place: 'fabric', name, step: 'namespace', what: 'should be next', commands: ['ip netns list'] }, { why: `there is no network namespace ${name}`, remedy: byController(seen) });
    return null;
  }
  const question = { ...chosen, source: '0.0.0.0', sourcePort: 0, mark: 0 };
  const departure = passRoute(way, seen, sandbox, question, { towards: `by a cable to ${name}`, isRight: ({ peer }) => peer?.place === 'fabric' });
  if (departure === null) return null;
  const sent = passHook(way, seen, sandbox, { ...chosen, outputDevice: departure.device.name }, { hook: 'OUTPUT', told: [] });
  const packet = sent === null ? null : passHook(way, seen, sandbox, sent, { hook: 'POSTROUTING', told: [] });
  const entrance = departure.device.peer?.device;
  if (packet === null || entrance === undefined) return null;
  const far = fabric.network.devices.find((device) => device.name === entrance);
  return passCable(way, seen, sandbox, departure, departure.device, { name: `${entrance} of ${fabric.name}`, device: far }) ? { packet, entrance } : null;
}
