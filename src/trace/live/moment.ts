/** What is told of a connection while it is followed. These names are the JSON of `routemesh trace --live --json`: they stay. */
import type { Ipv4Address } from '../../cluster/state.js';

export type LivePlace = 'host' | 'sandbox' | 'fabric' | 'task';

export interface LiveEndpoints {
  readonly source: Ipv4Address;
  readonly sourcePort: number;
  readonly destination: Ipv4Address;
  readonly destinationPort: number;
  /** conntrack zone of this direction alone; null: the entry's. */
  readonly zone: number | null;
}

export interface LiveCounters {
  readonly packets: number;
  readonly bytes: number;
}

/** What one namespace knows of the connection: its conntrack entry, or in a sandbox without one IPVS's. */
export interface LiveEntry {
  /** From the client on. */
  readonly there: LiveEndpoints;
  /** As answers come in, before they are translated back. */
  readonly back: LiveEndpoints;
  readonly zone: number;
  readonly mark: number;
  /** TCP's or SCTP's, the kernel's word; null for UDP. */
  readonly state: string | null;
  /** Has an answer come by? Null where nothing is tracked: IPVS alone knows the connection. */
  readonly answered: boolean | null;
  /** Whose FIN came first. */
  readonly closedFirst: 'client' | 'task' | null;
  /** Null where the namespace does not count (sysctl net.netfilter.nf_conntrack_acct). */
  readonly counters: { readonly there: LiveCounters; readonly back: LiveCounters } | null;
}

export interface LiveIpvsConnection {
  readonly server: Ipv4Address;
  readonly serverPort: number;
  readonly state: string;
  readonly expiresSeconds: number;
}

/** The task's own end of a TCP connection. */
export interface LiveSocket {
  readonly state: string;
  /** Bytes that its program has not read. */
  readonly unread: number;
  /** Bytes that the client has not acknowledged. */
  readonly unacknowledged: number;
  /** False: the kernel took the connection, and no program has accepted it. */
  readonly accepted: boolean;
}

/** `at`: milliseconds since the connection's first appearance. `name`: what people call the place: `host`, `mesh_sbox`, a task's name. */
export type Moment =
  | { readonly type: 'appeared' | 'changed' | 'forgotten'; readonly at: number; readonly place: LivePlace; readonly name: string; readonly entry: LiveEntry }
  | { readonly type: 'ipvs'; readonly at: number; readonly place: 'sandbox'; readonly name: string; readonly connection: LiveIpvsConnection }
  | { readonly type: 'socket'; readonly at: number; readonly place: 'task'; readonly name: string; readonly socket: LiveSocket };

/** How it ended. `unanswered`, `half-closed`: nothing more came for a while. `interrupted`: nobody follows it any more. */
export type Ending = 'closed' | 'reset' | 'refused' | 'answered' | 'unanswered' | 'half-closed' | 'timed out' | 'interrupted';

/** Where packets of a connection got no further, and what is known of why. */
export interface Loss {
  /** `request`: on its way to the task. `answer`: on its way back. `task`: it arrived, and the task's program did not take it. */
  readonly of: 'request' | 'answer' | 'task';
  /** The last place that saw it; null: none. */
  readonly seenIn: string | null;
  readonly why: string;
  readonly remedy: string;
}

export interface Summary {
  readonly type: 'summary';
  readonly protocol: string;
  readonly client: string;
  /** Where the client connected to; null: it came from a peer, which knows. */
  readonly node: string | null;
  /** The peer whose client it is; null: this node's. */
  readonly peer: string | null;
  /** Names of the places that it was seen in, from the client on. */
  readonly places: readonly string[];
  readonly realServer: string | null;
  /** By the saved cluster state. */
  readonly task: string | null;
  readonly ending: Ending;
  readonly endedBy: 'client' | 'task' | null;
  readonly durationMilliseconds: number;
  readonly counters: LiveEntry['counters'];
  readonly loss: Loss | null;
  /** The same in one sentence. */
  readonly text: string;
}
