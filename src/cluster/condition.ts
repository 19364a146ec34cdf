/**
 * A condition is something that keeps an object from being served as its owner asked.
 * The reason is a stable code (people search for it), the message says what to do about it.
 */
export const conditionReasons = [
  /** A label's value (or a file's key) does not parse. */
  'BadPolicy',
  /** A label that the grammar knows, for a feature that is not built yet, or that nobody knows. */
  'UnsupportedPolicy',
  /** Another program (not dockerd, not us) already listens on the published port of this node. */
  'PortConflict',
  /** The published port is one of the node's own management ports. */
  'PortReserved',
  /** An older service already publishes this port. */
  'PortTaken',
  /** No network, or more than one, gives the service's tasks their identity. */
  'NoIdentityNetwork',
  /** A local task's network namespace can't be opened, or does not hold the task's identity. */
  'TaskUnreachable',
  /** The kernel refused a change; it is tried again. */
  'SyncFailed',
  /** Two nodes' router addresses are the same: the low 22 bits of their own addresses are; one of them stays out of the fabric. */
  'RouterAddressCollision',
  /** A peer does not answer over the fabric; its tasks get no new connections. */
  'PeerUnreachable',
  /** No peer answers: this node is the one cut off, and serves its own tasks. */
  'CutOff',
  /** More ports are published than this process may hold sockets on; they are served, but other programs can take them by mistake. */
  'PlaceholdersShort',
  /** So many ports are published that sets are wanted, and this node has none: rules are walked port by port. */
  'SetsUnavailable',
  /** The source of the cluster state does not answer; the last good state is served. */
  'SourceUnavailable',
] as const;
export type ConditionReason = (typeof conditionReasons)[number];

export interface ConditionObject {
  readonly kind: 'service' | 'task' | 'node' | 'source';
  readonly id: string;
  readonly name: string;
}

export interface Condition {
  readonly reason: ConditionReason;
  readonly object: ConditionObject;
  /** One line for a person: what is refused, why, and what to do. Strangers' words in it are quoted and shortened (`quoteForPeople`). */
  readonly message: string;
}

/** A condition's identity: the same trouble seen again is the same condition. */
export function conditionKey(condition: Condition): string {
  return `${condition.reason}\u0000${condition.object.kind}\u0000${condition.object.id}\u0000${condition.message}`;
}

/** A stranger's words, safe to print: control, format and line-separating characters escaped, cut to `limit` characters. */
export function quoteForPeople(text: string, limit = 60): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return JSON.stringify(cut).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

/** UTF-16 unit by unit, as JSON and JavaScript spell it. */
function escapeCharacter(character: string): string {
  return character.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
}
