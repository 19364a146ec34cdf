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
  if (entry.answered) return forgotten || quietMilliseconds >= quiet ? 'answered' : null;
  return forgotten || quietMilliseconds >= patience ? 'unanswered' : null;
}

/** States of net/netfilter/nf_conntrack_proto_tcp.c; SCTP's are nf_conntrack_proto_sctp.c's. */
function connectionsEnding({ entry, forgotten, established }: Chapter, quietMilliseconds: number): Exclude<Ending, 'interrupted' | 'answered'> | null {
  switch (entry.state) {
    case 'TIME_WAIT':
    case 'CLOSED':
      return 'closed';
    case 'CLOSE':
      return established ? 'reset' : 'refused';
    case 'FIN_WAIT':
    case 'CLOSE_WAIT':
    case 'LAST_ACK':
    case 'SHUTDOWN_SENT':
    case 'SHUTDOWN_RECD':
      return forgotten || quietMilliseconds >= patience ? 'half-closed' : null;
    case 'ESTABLISHED':
      return forgotten ? 'timed out' : null;
    default:
      return forgotten || quietMilliseconds >= patience ? 'unanswered' : null;
  }
}
