/**
 * The fabric: a router between the sandbox and the node's tasks.
 *
 * sbox0 ─▶ route <identity>/32 ─▶ task-<id>; replies by the default route back to the sandbox.
 * A way in, never a way out or across: filter FORWARD drops (and counts) all that is neither a new connection from the
 * sandbox to a published port of a task nor part of one.
 */
import type { Task } from '../cluster/state.js';
import { fabricGateway, fabricGatewayMac, macOf } from './addresses.js';
import type { PlanContext } from './context.js';
import { fabricSandboxDevice, fabricTaskDevice, sandboxFabricDevice, taskDevice } from './devices.js';
import type { RuleWords } from './iptables.js';
import type { PlacePlan } from './node-plan.js';
import { ethernetMtu, mainTable, placePlan, routerSysctls } from './place.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';
import { taskMac } from './task.js';

export function planFabric(context: PlanContext, router: string, tasks: readonly Task[], ports: readonly PlannedPort[]): PlacePlan {
  const devices = tasks.map((task) => fabricTaskDevice(task.id));
  return placePlan({
    place: 'fabric',
    namespace: { path: `/run/netns/${context.settings.names.fabric}`, named: true },
    links: [
      {
        kind: 'veth',
        name: fabricSandboxDevice,
        mac: fabricGatewayMac,
        mtu: ethernetMtu,
        peer: { place: 'sandbox', name: sandboxFabricDevice },
        owner: true,
      },
      ...tasks.map((task) => ({
        kind: 'veth' as const,
        name: fabricTaskDevice(task.id),
        mac: fabricGatewayMac,
        mtu: ethernetMtu,
        peer: { place: `task:${task.id}` as const, name: taskDevice },
        owner: true,
      })),
    ],
    // The fabric needs an address to send ICMP errors from ("fragmentation needed").
    addresses: [{ device: 'lo', address: fabricGateway, prefixLength: 32 }],
    neighbours: [
      { device: fabricSandboxDevice, address: router, mac: macOf(router, 'sandbox') },
      ...tasks.map((task) => ({ device: fabricTaskDevice(task.id), address: task.identity.address, mac: taskMac(task) })),
    ],
    routes: [
      { destination: `${router}/32`, table: mainTable, device: fabricSandboxDevice },
      { destination: '0.0.0.0/0', table: mainTable, device: fabricSandboxDevice, via: router, onlink: true },
      ...tasks.map((task) => ({
        destination: `${task.identity.address}/32`,
        table: mainTable,
        device: fabricTaskDevice(task.id),
      })),
    ],
    sysctls: routerSysctls([fabricSandboxDevice, ...devices]),
    iptables: {
      chains: [
        { table: 'filter', chain: 'INPUT', policy: 'DROP', rules: [] },
        { table: 'filter', chain: 'FORWARD', policy: 'DROP', rules: [rules.acceptKnown(), ...ports.flatMap(admissions)] },
        { table: 'filter', chain: 'OUTPUT', policy: 'DROP', rules: [rules.acceptKnown()] },
        // Without a nat table connection tracking can't pick another source port when one client port meets a task twice.
        { table: 'nat', chain: 'PREROUTING', policy: 'ACCEPT', rules: [] },
      ],
      guests: [],
    },
  });
}

function admissions(port: PlannedPort): RuleWords[] {
  return port.backends.map((backend) =>
    rules.admit(fabricSandboxDevice, backend.address, fabricTaskDevice(backend.taskId), port.protocol, backend.port),
  );
}
