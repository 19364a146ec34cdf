/** Two namespaces and the links between them and in them, on which rtnetlink is tried against iproute2. */

import type { NetworkNamespace } from '../../../native/netns.js';
import * as native from '../../../native/index.js';
import { discard, eventually, freshNamespace, json } from './laboratory.js';

export interface TwoNamespaces {
  readonly near: NetworkNamespace;
  readonly far: NetworkNamespace;
  /** Of `near`. */
  readonly kernel: native.RouteNetlink;
  readonly farKernel: native.RouteNetlink;
  /** Index of the veth in `near`, whose other end is `mesh0` in `far`. */
  readonly v0: number;
  /** Index of the VXLAN in `near`. */
  readonly vx0: number;
}

/** Index of a link that must be there. */
export function indexOf(handle: native.RouteNetlink, name: string): number {
  const link = handle.link(name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link.index;
}

export async function makeTwoNamespaces(): Promise<TwoNamespaces> {
  await native.initialise();
  const near = freshNamespace('near');
  const far = freshNamespace('far');
  const kernel = native.RouteNetlink.open(near);
  const farKernel = native.RouteNetlink.open(far);
  kernel.execute([
    native.createBridge({ name: 'br0', macAddress: '02:42:ac:1e:00:01', isUp: true }),
    native.changeLink('br0', { mtu: 1400 }),
    native.createVeth({
      name: 'v0', macAddress: '02:42:a9:fe:01:01', mtu: 1400, isUp: true,
      peer: { name: 'mesh0', macAddress: '02:42:0a:00:00:04', mtu: 1400, namespace: far },
    }),
    native.createVeth({ name: 'p0', peer: { name: 'p1' } }),
    native.createVxlan({ name: 'vx0', id: 4097, port: 4798, local: '192.168.56.11', mtu: 1450, macAddress: '02:42:64:68:39:11' }),
    native.changeLink('lo', { isUp: true }),
    native.changeLink('vx0', { isUp: true }),
    native.changeLink('v0', { alias: 'routemesh: ä task' }),
  ]);
  farKernel.execute([native.changeLink('mesh0', { isUp: true })]);
  kernel.execute([native.changeLink('p0', { masterIndex: indexOf(kernel, 'br0') })]);
  // Operational states follow a moment later (net/core/link_watch.c).
  await eventually(() => json(near, 'ip -j link show v0')[0]?.operstate === 'UP' && json(far, 'ip -j link show mesh0')[0]?.operstate === 'UP');
  return { near, far, kernel, farKernel, v0: indexOf(kernel, 'v0'), vx0: indexOf(kernel, 'vx0') };
}

export function discardTwoNamespaces({ near, far, kernel, farKernel }: TwoNamespaces): void {
  kernel.close();
  farKernel.close();
  discard(near, far);
}
