/** What a follower asks of one manager. Each request ends: with the answer, or with an error that says what is wrong with whom. */
import { LineSplitter } from '../docker/lines.js';
import type { Credentials } from './certificates.js';
import { longestLine, longestState, parseLine, parseListing, ProtocolError, statePath, watchPath, type Line, type Listing } from './protocol.js';
import { RelayCall, RelayError, type Manager } from './relay-call.js';

/** Times in milliseconds. */
export interface RelayPatience {
  /** For the connection with its handshake, and for each piece of an answer. */
  readonly silence: number;
  /** For the whole state. */
  readonly listing: number;
}

/** Rejects with RelayError. */
export async function listState(manager: Manager, credentials: Credentials, patience: RelayPatience, signal: AbortSignal): Promise<Listing> {
  const call = new RelayCall(manager, credentials, statePath, patience.silence, signal);
  const pieces: Buffer[] = [];
  let bytes = 0;
  await call.run((piece) => {
    bytes += piece.length;
    if (bytes > longestState) throw new ProtocolError(`its state is larger than ${longestState} bytes`);
    pieces.push(piece);
    call.hearsFrom();
  }, patience.listing);
  return call.explaining(() => parseListing(Buffer.concat(pieces).toString('utf8')));
}

/** Calls back with each line; what the callback throws ends the stream. Rejects with RelayError, also when the stream ends. */
export async function watchState(
  manager: Manager,
  credentials: Credentials,
  position: { readonly epoch: string; readonly revision: number },
  onLine: (line: Line) => void,
  patience: RelayPatience,
  signal: AbortSignal,
): Promise<never> {
  const call = new RelayCall(manager, credentials, `${watchPath}?epoch=${position.epoch}&after=${position.revision}`, patience.silence, signal);
  const splitter = new LineSplitter(longestLine);
  await call.run((piece) => {
    for (const text of splitter.push(piece)) {
      // A line is what counts: bytes that never become one are silence.
      call.hearsFrom();
      onLine(parseLine(text));
    }
  });
  throw new RelayError(`${call.name} ended its stream`);
}
