/**
 * What the page and its server say to each other. The server's functions are checked against these types, and the page
 * reads nothing else; they stand by themselves, since a browser knows no other module of the project.
 */

/** Of a published port or of one of its real servers, as IPVS counts and estimates them. */
export interface Figures {
  /** Scheduled since the counters began. */
  readonly connections: number;
  readonly connectionsPerSecond: number;
  readonly active: number;
  readonly inactive: number;
  /** From clients. */
  readonly incomingBytesPerSecond: number;
  /** To clients. */
  readonly outgoingBytesPerSecond: number;
}

/**
 * `serving`: takes new connections. `draining`: weight 0, keeps those it has. `unreachable`: its node does not answer.
 * `gone`: IPVS has it no more; it is shown for a moment, so that people see it go.
 */
export type ServerState = 'serving' | 'draining' | 'unreachable' | 'gone';

export interface MeshServer {
  /** `tcp/8080 10.0.0.5:80`: unique in the snapshot. */
  readonly id: string;
  readonly taskId: string;
  readonly task: string;
  readonly nodeId: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly state: ServerState;
  /** Milliseconds since 1970; of a real server that is gone. */
  readonly goneAt?: number;
  readonly figures: Figures;
}

export interface MeshPort {
  /** `tcp/8080`: unique in the snapshot. */
  readonly id: string;
  readonly protocol: string;
  readonly published: number;
  readonly serviceId: string;
  readonly service: string;
  /** False: the service is gone, its connections are kept. */
  readonly accepting: boolean;
  /** Null where IPVS has no virtual service for it (yet). */
  readonly scheduler: string | null;
  /** Seconds for which a client stays with its real server; null: it does not. */
  readonly persistenceSeconds: number | null;
  readonly servers: readonly MeshServer[];
  readonly figures: Figures;
}

/** `here`: the node whose page this is. `silent`: it does not answer over the fabric. `down`: the cluster says so. */
export type NodeState = 'here' | 'alive' | 'silent' | 'down' | 'unknown';

export interface MeshNode {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly state: NodeState;
  /** Coarse, since it never stands still; null where it is not measured. */
  readonly roundTripMilliseconds: number | null;
}

/** What keeps something from being served as asked. */
export interface MeshTrouble {
  /** The condition's reason code. */
  readonly reason: string;
  /** `service web`. */
  readonly object: string;
  readonly message: string;
  /** Something that is asked for is not served at all. */
  readonly serious: boolean;
}

export interface MeshHealth {
  readonly level: 'healthy' | 'attention' | 'unhealthy' | 'starting';
  readonly headline: string;
}

export interface MeshSnapshot {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly version: string;
  readonly node: { readonly id: string; readonly name: string };
  readonly sandbox: string;
  readonly health: MeshHealth;
  readonly troubles: readonly MeshTrouble[];
  /** Objects that others changed and that were put right. */
  readonly repairs: number;
  /** This node first, then by name. */
  readonly nodes: readonly MeshNode[];
  readonly ports: readonly MeshPort[];
}

/** Figures alone have changed: by id of port or real server, those that did. */
export interface FiguresChange {
  readonly at: number;
  readonly figures: Readonly<Record<string, Figures>>;
}

/** Something that happened. */
export interface MeshEvent {
  /** Grows with each event, also with one that was there before and is counted once more. */
  readonly sequence: number;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly object: { readonly kind: string; readonly name: string };
  readonly message: string;
  /** How often, of late. */
  readonly count: number;
  /** RFC 3339. */
  readonly firstTime: string;
  readonly lastTime: string;
}

/** `event:` of the stream → its data. A `beat` says nothing but that the stream lives. */
export interface StreamMessages {
  readonly snapshot: MeshSnapshot;
  readonly figures: FiguresChange;
  readonly events: readonly MeshEvent[];
  readonly beat: null;
}

export interface TraceRule {
  readonly chain: string;
  readonly number: number | null;
  readonly depth: number;
  readonly rule: string;
  readonly outcome: string;
  readonly counters: { readonly packets: number } | null;
}

export interface TraceHop {
  readonly name: string;
  readonly step: string;
  readonly outcome: 'passes' | 'unknown' | 'ends';
  readonly what: string;
  readonly rules: readonly TraceRule[];
  readonly counters: { readonly packets: number; readonly bytes: number } | null;
  readonly notes: readonly string[];
  readonly commands: readonly string[];
  readonly why: string | null;
  readonly remedy: string | null;
}

export interface TraceBranch {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly task: string | null;
  readonly node: string | null;
  readonly outcome: 'reaches' | 'ends' | 'drained';
  readonly hops: readonly TraceHop[];
}

/** `routemesh trace --json`, as far as the page shows it. */
export interface TraceAnswer {
  readonly protocol: string;
  readonly port: number;
  readonly service: string | null;
  readonly packet: { readonly source: string; readonly destination: string; readonly device: string | null };
  readonly hops: readonly TraceHop[];
  readonly branches: readonly TraceBranch[];
  readonly back: readonly TraceHop[];
  readonly verdict: {
    readonly reaches: boolean;
    readonly certain: boolean;
    readonly servers: number;
    readonly reached: number;
    readonly end: { readonly name: string; readonly step: string; readonly what: string; readonly why: string; readonly remedy: string } | null;
  };
}
