/**
 * What has happened, in the form of Kubernetes' events: a stable code that people search for, the object that it
 * happened to, and one line for a person. docs/events.md lists each code with its cause and its remedy.
 */
import type { ConditionReason } from './cluster/condition.js';
import { silentLogger, type LogFields, type Logger, type LogLevel } from './log.js';

/** Codes beside those of conditions, which are events too when they come. */
export const eventReasons = [
  /** The controller has begun. */
  'Started',
  /** The controller ends; the mesh goes on as it is programmed. */
  'Stopped',
  /** The kernel was changed, because the cluster or the node did. */
  'Programmed',
  /** Somebody else had changed an object of ours; it is as planned again. */
  'Repaired',
  /** A sync did not succeed wholly, and is tried again. */
  'Retrying',
  /** A condition is over. */
  'Resolved',
  /** A task takes no new connections any more, and keeps those that it has. */
  'DrainBegan',
  /** A drain is over: no connection is left, the task is gone, or it takes connections again. */
  'DrainEnded',
  /** A drain's time was up before its connections were. */
  'DrainTimedOut',
  /** A task of another node does not answer echo requests; it gets connections all the same. */
  'TaskSilent',
  /** A peer answers over the fabric again. */
  'PeerReturned',
  /** The source of the cluster state answers. */
  'SourceReturned',
  /** Nobody answers at the start: the last good state on disk is served. */
  'SavedStateServed',
  /** The last good state on disk can't be read or written. */
  'SavedStateFailed',
  /** This worker follows a manager's relay. */
  'RelayFollowed',
  /** This node stopped following a manager's relay, or could not. */
  'RelayLeft',
  /** This manager serves its relay. */
  'RelayServed',
  /** This manager can't serve its relay yet. */
  'RelayNotServed',
  /** This node serves no relay any more. */
  'RelayClosed',
  /** A manager whose own Docker does not answer follows another manager. */
  'OtherManagerFollowed',
  /** The node was promoted or demoted. */
  'RoleChanged',
  /** The metrics are served over TCP. */
  'MetricsServed',
  /** The address that the metrics are asked for on can't be listened on. */
  'MetricsNotServed',
  /** The page that draws the mesh is served. */
  'PageServed',
  /** The address that the page is asked for on can't be listened on. */
  'PageNotServed',
] as const;
export type EventReason = (typeof eventReasons)[number] | ConditionReason;

export type EventType = 'Normal' | 'Warning';

export interface EventObject {
  readonly kind: 'service' | 'task' | 'node' | 'source' | 'relay' | 'kernel' | 'controller';
  readonly name: string;
}

export interface MeshEvent {
  /** Grows with each event, also with one that was there before; `GET /events?after=` goes by it. */
  readonly sequence: number;
  readonly type: EventType;
  readonly reason: EventReason;
  readonly object: EventObject;
  readonly message: string;
  /** How often it happened, of late. */
  readonly count: number;
  /** RFC 3339. */
  readonly firstTime: string;
  readonly lastTime: string;
}

export type NewEvent = Pick<MeshEvent, 'type' | 'reason' | 'object' | 'message'>;

/** Where events go. */
export interface EventSink {
  add(event: NewEvent): void;
}

/** By what all parts of the controller tell what happens: each event once to the log, with its code, and once to the ring. */
export class EventRecorder {
  constructor(
    private readonly sink: EventSink,
    private readonly logger: Logger,
  ) {}

  /** `fields` are for the log alone. */
  normal(reason: EventReason, object: EventObject, message: string, fields: LogFields = {}): void {
    this.tell({ type: 'Normal', reason, object, message }, 'info', fields);
  }

  warning(reason: EventReason, object: EventObject, message: string, fields: LogFields = {}): void {
    this.tell({ type: 'Warning', reason, object, message }, 'warn', fields);
  }

  /** A warning that is no news: counted, and in the log for those who want every line. */
  warningAgain(reason: EventReason, object: EventObject, message: string, fields: LogFields = {}): void {
    this.tell({ type: 'Warning', reason, object, message }, 'debug', fields);
  }

  private tell(event: NewEvent, level: LogLevel, fields: LogFields): void {
    const { reason, object: { kind, name }, message } = event;
    this.sink.add(event);
    this.logger[level](`${kind} ${name}: ${message}`, { reason, ...fields });
  }
}

/** Stands in where nobody listens: for a look, and in tests. */
export const silentEvents = new EventRecorder({ add: () => undefined }, silentLogger);
