/** When a followed connection is over, and how. Pure. */
import type { Protocol } from '../../cluster/state.js';
import type { Ending } from './moment.js';
import type { Chapter } from './story.js';

/** Milliseconds without an answer, or without the other side's FIN: after three SYNs (tcp(7): 1, 3, 7 s) nobody is there. */
const patience = 10_000;
/** UDP has no end: milliseconds of quiet after an answer. */
const quiet = 2_000;

export interface EndingInput {
  readonly protocol: Protocol;
  readonly chapters: readonly Chapter[];
  /** Milliseconds since anything new was heard. */
  readonly quietMilliseconds: number;
}

/** Null: it goes on, as far as can be told. Judged by the first place, which is the client's nearest. */
export function endingOf({ protocol, chapters, quietMilliseconds }: EndingInput): Exclude<Ending, 'interrupted'> | null {
  const [first] = chapters;
  if (first === undefined) return null;
  return protocol === 'udp' ? datagramsEnding(first, quietMilliseconds) : connectionsEnding(first, quietMilliseconds);
}

function datagramsEnding({ entry, forgotten }: Chapter, quietMilliseconds: number): 'answered' | 'unanswered' | null {
  if (entry.answered === true) return forgotten || quietMilliseconds >= quiet ? 'answered' : null;
  return forgotten || quietMilliseconds >= patience ? 'unanswered' : null;
}

/** States in which both sides have said goodbye, and in which one of them has (net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_proto_sctp.c). */
const closed: readonly (string | null)[] = ['TIME_WAIT', 'CLOSED'];
const halfClosed: readonly (string | null)[] = ['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'SHUTDOWN_SENT', 'SHUTDOWN_RECD', 'SHUTDOWN_ACK_SENT'];

function connectionsEnding({ entry: { state }, forgotten, established }: Chapter, quietMilliseconds: number): Exclude<Ending, 'interrupted' | 'answered'> | null {
  if (closed.includes(state)) return 'closed';
  if (state === 'CLOSE') return established ? 'reset' : 'refused';
  if (state === 'ESTABLISHED') return forgotten ? 'timed out' : null;
  if (!forgotten && quietMilliseconds < patience) return null;
  return halfClosed.includes(state) ? 'half-closed' : 'unanswered';
}
