/** Names of our network devices. Interface names end at 15 characters (linux/if.h, IFNAMSIZ). */
import { createHash } from 'node:crypto';

/** Host: our port of the gateway bridge; the other end is the sandbox's `eth1`. */
export const hostGatewayPort = 'mesh_gw0';

/** Sandbox: the way to the host, named as in dockerd's ingress sandbox. */
export const sandboxGatewayDevice = 'eth1';

/** Sandbox: the way to the fabric, named as in dockerd's ingress sandbox. */
export const sandboxFabricDevice = 'eth0';

/** Fabric: the cable to the sandbox. */
export const fabricSandboxDevice = 'sbox0';

/** Fabric: the way to the peers. */
export const fabricPeerDevice = 'vxlan0';

/** VXLAN network identifier of the fabric, and its UDP port (Swarm's own are 4096 and up by network, 4789). */
export const vxlan = { id: 4097, port: 4798, overhead: 50 };

/** Fabric: every cable to a task, as iptables matches names. */
export const anyFabricTaskDevice = 'task-+';

/** Fabric: the cable to a task. */
export function fabricTaskDevice(taskId: string): string {
  const short = /^[a-z0-9]{10,}$/.test(taskId) ? taskId : createHash('sha256').update(taskId).digest('hex');
  return `task-${short.slice(0, 10)}`;
}

/** Task: our cable beside dockerd's. */
export const taskDevice = 'mesh0';
