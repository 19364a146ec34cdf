/** Asks the running controller of this node. */
import { request } from 'node:http';

/** Nothing answers on the control socket. */
export class NoControllerError extends Error {
  override readonly name = 'NoControllerError';
}

/** The most that is read of an answer: 100 services of 100 tasks are about 3 MB. */
const mostBytes = 256 * 1024 * 1024;

/**
 * The JSON that the controller gives for a path such as `/status`.
 * Rejects with NoControllerError, or with an error that says what to do.
 */
export async function askController(socketPath: string, path: string, timeoutMilliseconds = 30_000): Promise<unknown> {
  const { status, text } = await get(socketPath, path, timeoutMilliseconds);
  const body = parse(text, socketPath);
  if (status === 200) return body;
  const message = (body as { error?: string } | null)?.error ?? text;
  throw new Error(`The controller answered ${path} with ${status}: ${message}`);
}

function get(socketPath: string, path: string, timeoutMilliseconds: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    const fail = (error: Error): void => {
      reject(signal.aborted ? new Error(`The controller did not answer on ${socketPath} within ${timeoutMilliseconds / 1000} s. See its log.`) : explain(error, socketPath));
    };
    const call = request({ socketPath, path, headers: { connection: 'close' }, signal }, (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > mostBytes) response.destroy(new Error(`The controller's answer is larger than ${mostBytes} bytes`));
        else pieces.push(piece);
      });
      response.on('error', fail);
      response.on('end', () => { resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }); });
    });
    call.on('error', fail);
    call.end();
  });
}

function explain(error: NodeJS.ErrnoException, socketPath: string): Error {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new NoControllerError(`No controller runs on this node: nothing answers on ${socketPath}. Start one with \`routemesh run\`, or name its socket with --control-socket.`);
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') return new Error(`The control socket ${socketPath} is for root only: try again with sudo.`);
  return new Error(`The controller can't be asked on ${socketPath}: ${error.message}`);
}

function parse(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`What answers on ${socketPath} is no routemesh controller: it sent no JSON.`);
  }
}
