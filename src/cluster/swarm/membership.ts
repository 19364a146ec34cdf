/** This node's place in its Swarm, kept on disk: a node whose Docker is away at boot still knows who and what it is. */
import { isIPv4 } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { SwarmInfo } from '../docker/swarm-info.js';
import { byCodeUnit } from '../sorting.js';

export interface SwarmMembership {
  readonly nodeId: string;
  /** Host name. */
  readonly name: string;
  readonly role: 'manager' | 'worker';
  /** Of the node on the underlay; null where Docker tells no IPv4 address. */
  readonly address: string | null;
  /** Managers of the cluster, this node among them where it is one; sorted by node id. */
  readonly managers: readonly { readonly nodeId: string; /** IPv4. */ readonly host: string }[];
  /** Docker's folder, in which Swarm's certificates are. */
  readonly dockerRoot: string;
}

/** Docker says that the node is in no Swarm: whatever it was before, it is no more. */
export class NoSwarmError extends Error {
  override readonly name = 'NoSwarmError';
}

/** Null while Docker does not say clearly that the node is an active one of a Swarm. */
export function membershipOf(info: SwarmInfo): SwarmMembership | null {
  if (info.nodeId === null || info.role === 'none' || info.localState !== 'active') return null;
  return {
    nodeId: info.nodeId,
    name: info.hostName,
    role: info.role,
    address: info.address,
    managers: info.managers
      .map(({ nodeId, address }) => ({ nodeId, host: address.replace(/:\d+$/, '') }))
      .filter(({ host }) => isIPv4(host) && !host.startsWith('0.') && !host.startsWith('127.'))
      .sort((one, other) => byCodeUnit(one.nodeId, other.nodeId)),
    dockerRoot: info.dockerRoot,
  };
}

const version = 2;
const id = z.string().regex(/^[A-Za-z0-9]{1,64}$/);
const address = z.string().refine(isIPv4);

const membershipSchema: z.ZodType<SwarmMembership> = z.strictObject({
  nodeId: id,
  name: z.string().max(255).regex(/^[^\p{Cc}]*$/u),
  role: z.enum(['manager', 'worker']),
  address: address.nullable(),
  managers: z.array(z.strictObject({ nodeId: id, host: address })).max(1_000),
  dockerRoot: z.string().max(4095).regex(/^[^\p{Cc}]+$/u).refine(isAbsolute),
});

const fileSchema = z.strictObject({ version: z.literal(version), membership: membershipSchema });

export function printMembership(membership: SwarmMembership): string {
  return `${JSON.stringify({ version, membership })}\n`;
}

/** Null for what is not one of ours. */
export function parseMembership(text: string): SwarmMembership | null {
  try {
    return fileSchema.parse(JSON.parse(text)).membership;
  } catch {
    return null;
  }
}
