/**
 * The few of swarmkit's protobuf messages that carry tasks, and tasks as Docker's REST API would print them. Numbers of
 * fields and states: swarmkit api/watch.proto, api/objects.proto, api/types.proto. Fields that are not named here are
 * skipped by the decoder.
 */
import protobuf from 'protobufjs/light.js';
import type { RawObject } from '../raw.js';

/** What became of one task. */
export type TaskEvent =
  | { readonly kind: 'set'; readonly id: string; /** Of the object in Swarm's store: grows with each change. */ readonly version: number; readonly task: RawObject }
  | { readonly kind: 'removed'; readonly id: string };

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

const root = protobuf.Root.fromJSON({
  nested: {
    WatchRequest: { fields: { entries: repeated(1, 'WatchEntry') } },
    WatchEntry: { fields: { kind: field(1, 'string'), action: field(2, 'uint32') } },
    WatchMessage: { fields: { events: repeated(1, 'Event') } },
    Event: { fields: { action: field(1, 'int32'), object: field(2, 'StoreObject') } },
    StoreObject: { fields: { task: field(4, 'Task') } },
    Task: {
      fields: {
        id: field(1, 'string'),
        meta: field(2, 'Meta'),
        serviceId: field(4, 'string'),
        slot: field(5, 'uint64'),
        nodeId: field(6, 'string'),
        status: field(9, 'TaskStatus'),
        desiredState: field(10, 'int32'),
        networks: repeated(11, 'NetworkAttachment'),
      },
    },
    Meta: { fields: { version: field(1, 'Version'), updatedAt: field(3, 'Timestamp') } },
    Version: { fields: { index: field(1, 'uint64') } },
    TaskStatus: { fields: { timestamp: field(1, 'Timestamp'), state: field(2, 'int32') } },
    // google.protobuf.Timestamp
    Timestamp: { fields: { seconds: field(1, 'int64'), nanos: field(2, 'int32') } },
    NetworkAttachment: { fields: { network: field(1, 'Network'), addresses: repeated(2, 'string') } },
    Network: { fields: { id: field(1, 'string') } },
  },
});
const requestType = root.lookupType('WatchRequest');
const messageType = root.lookupType('WatchMessage');

/** WatchActionKind: a set of bits. */
const actions = { create: 1, update: 2, remove: 4 } as const;

/** TaskState by the names that the REST API uses. */
const stateNames: ReadonlyMap<number, string> = new Map([
  [0, 'new'], [64, 'pending'], [192, 'assigned'], [256, 'accepted'], [320, 'preparing'], [384, 'ready'], [448, 'starting'], [512, 'running'],
  [576, 'complete'], [640, 'shutdown'], [704, 'failed'], [768, 'rejected'], [800, 'remove'], [832, 'orphaned'],
]);

/** Asks for every change of every task. */
export function encodeTaskWatch(): Buffer {
  const action = actions.create | actions.update | actions.remove;
  return Buffer.from(requestType.encode({ entries: [{ kind: 'task', action }] }).finish());
}

interface WatchedTime {
  readonly seconds: number;
  readonly nanos: number;
}

interface WatchedTask {
  readonly id: string;
  readonly meta: { readonly version: { readonly index: number } | null; readonly updatedAt: WatchedTime | null } | null;
  readonly serviceId: string;
  readonly slot: number;
  readonly nodeId: string;
  readonly status: { readonly timestamp: WatchedTime | null; readonly state: number } | null;
  readonly desiredState: number;
  readonly networks: readonly { readonly network: { readonly id: string } | null; readonly addresses: readonly string[] }[];
}

interface WatchMessage {
  readonly events: readonly { readonly action: number; readonly object: { readonly task: WatchedTask | null } | null }[];
}

/** The message that says "from now on" has no events. @throws for bytes that are no such message. */
export function decodeTaskEvents(bytes: Uint8Array): TaskEvent[] {
  const { events } = messageType.toObject(messageType.decode(bytes), { longs: Number, defaults: true }) as WatchMessage;
  return events.flatMap(({ action, object }) => (object?.task == null || object.task.id === '' ? [] : [eventOf(action, object.task)]));
}

function eventOf(action: number, task: WatchedTask): TaskEvent {
  if (action === actions.remove) return { kind: 'removed', id: task.id };
  return { kind: 'set', id: task.id, version: task.meta?.version?.index ?? 0, task: inRestForm(task) };
}

function inRestForm({ id, meta, serviceId, slot, nodeId, status, desiredState, networks }: WatchedTask): RawObject {
  return {
    ID: id,
    Version: { Index: meta?.version?.index ?? 0 },
    UpdatedAt: timeOf(meta?.updatedAt),
    ServiceID: serviceId,
    Slot: slot,
    NodeID: nodeId,
    Status: { Timestamp: timeOf(status?.timestamp), State: stateNames.get(status?.state ?? 0) ?? '' },
    DesiredState: stateNames.get(desiredState) ?? '',
    NetworksAttachments: networks.map(({ network, addresses }) => ({ Network: { ID: network?.id ?? '' }, Addresses: addresses })),
  };
}

/** RFC 3339, as the REST API has it; empty where it is not known, or is no time. */
function timeOf(time: WatchedTime | null | undefined): string {
  const milliseconds = time == null ? Number.NaN : time.seconds * 1_000 + time.nanos / 1e6;
  return Math.abs(milliseconds) <= 8.64e15 ? new Date(milliseconds).toISOString() : '';
}
