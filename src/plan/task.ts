/**
 * A local task's namespace: our cable beside dockerd's.
 *
 * The task keeps its own address and routes; only packets that it sends *from its identity* go by `mesh0`, so that a
 * reply leaves the way its request came, whatever the client's address is.
 *
 * A TCP socket replies from the address that was asked. A UDP server that is bound to every address and answers with
 * sendto() lets the kernel choose, by the route to the client, and that would be dockerd's bridge: the reply would come
 * from a stranger. So what is sent from a published UDP (or SCTP) port looks up our table too, whose default route
 * brings the identity as its source; the task's other neighbours, for which it has a route better than the default,
 * keep it.
 */
import type { Protocol, Task } from '../cluster/state.js';
import { fabricGateway, fabricGatewayMac, macOf, subnetOf } from './addresses.js';
import type { LocalTaskNamespace } from './context.js';
import { fabricTaskDevice, taskDevice } from './devices.js';
import type { PlacePlan } from './node-plan.js';
import type { MacAddress } from './objects.js';
import { mainTable, placePlan } from './place.js';

export const taskTable = 100;
/** Before the main table's rule (32766), after the local table's (0); in the order in which they are asked. */
export const taskRulePriorities = { identity: 100, ownRoutes: 101, publishedPort: 102 };

export interface TaskPort {
  readonly protocol: Protocol;
  /** The port that the task's own replies come from. */
  readonly target: number;
}

export function taskMac(task: Task): MacAddress {
  return macOf(task.identity.address, 'task');
}

/** `mtu`: of the fabric, in bytes. */
export function planTask(task: Task, namespace: LocalTaskNamespace, ports: readonly TaskPort[], mtu: number): PlacePlan {
  const { address, prefixLength } = task.identity;
  return placePlan({
    place: `task:${task.id}`,
    namespace: { path: namespace.path, named: false },
    links: [
      {
        kind: 'veth',
        name: taskDevice,
        mac: taskMac(task),
        mtu,
        peer: { place: 'fabric', name: fabricTaskDevice(task.id) },
        owner: false,
      },
    ],
    // dockerd's own REDIRECT rules in the task rewrite to the first address of the incoming device and drop where it has
    // none (nf_nat_redirect.c of the kernel): 8080:8080 would be lost without it.
    addresses: [{ device: taskDevice, address, prefixLength: 32 }],
    neighbours: [{ device: taskDevice, address: fabricGateway, mac: fabricGatewayMac }],
    routes: [
      { destination: subnetOf(address, prefixLength), table: taskTable, device: namespace.device, source: address },
      { destination: '0.0.0.0/0', table: taskTable, device: taskDevice, via: fabricGateway, onlink: true, source: address },
    ],
    rules: [
      { priority: taskRulePriorities.identity, from: address, table: taskTable },
      ...ports
        .filter(({ protocol }) => protocol !== 'tcp')
        .flatMap(({ protocol, target: port }) => [
          { priority: taskRulePriorities.ownRoutes, sourcePort: { protocol, port }, suppressPrefixLength: 0, table: mainTable },
          { priority: taskRulePriorities.publishedPort, sourcePort: { protocol, port }, table: taskTable },
        ]),
    ],
    sysctls: [
      { path: `net/ipv4/conf/${taskDevice}/rp_filter`, value: '0' },
      { path: `net/ipv6/conf/${taskDevice}/disable_ipv6`, value: '1', optional: true },
    ],
  });
}
