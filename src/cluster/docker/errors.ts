/** What can be wrong with Docker, each with its remedy. */
import { isNativeError } from 'node:util/types';

export class DockerError extends Error {
  override readonly name: string = 'DockerError';
}

/** No one answers on the socket. */
export class DockerUnreachableError extends DockerError {
  override readonly name = 'DockerUnreachableError';
}

/** Somebody answers, but not in time. */
export class DockerTimeoutError extends DockerError {
  override readonly name = 'DockerTimeoutError';
}

/** Docker answered with an error, or with what is no answer. */
export class DockerAnswerError extends DockerError {
  override readonly name = 'DockerAnswerError';
  constructor(message: string, readonly statusCode: number | null, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Only a Swarm manager knows the cluster. */
export class NotSwarmManagerError extends DockerError {
  override readonly name = 'NotSwarmManagerError';
}

/** Makes a typed error of whatever dockerode rejects with. `doing` is told only where it matters: the same trouble has the same words. */
export function dockerError(error: unknown, target: string, doing: string): DockerError {
  if (error instanceof DockerError) return error;
  // Not `instanceof`: an error of another realm (a vm, a test runner) is an error as well.
  const cause = isNativeError(error) ? error : new Error(String(error));
  const { code, statusCode } = cause as Error & { code?: unknown; statusCode?: unknown };
  const said = cause.message.trim();
  if (typeof statusCode === 'number') return answerError(cause, said, statusCode, target, doing);
  const remedy = typeof code === 'string' ? remedies[code] : undefined;
  if (remedy === undefined) return new DockerUnreachableError(`Docker on ${target} does not answer: ${said}`, { cause });
  return new DockerUnreachableError(`Docker on ${target} does not answer: ${remedy} (${String(code)})`, { cause });
}

const remedies: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; is dockerd running (systemctl start docker), and is this its socket?',
  ECONNREFUSED: 'nobody listens on the socket; start dockerd (systemctl start docker)',
  EACCES: 'this user may not use the socket; run as root',
  ECONNRESET: 'it closed the connection in the middle of an answer',
};

function answerError(cause: Error, said: string, statusCode: number, target: string, doing: string): DockerError {
  if (statusCode === 503 && /not a swarm manager|not part of a swarm/i.test(said)) {
    return new NotSwarmManagerError(
      `Docker on ${target} is not a Swarm manager, so it knows nothing of the cluster; run routemesh on a manager (docker swarm init makes one, docker node promote another), or use the file source`,
      { cause },
    );
  }
  if (statusCode === 503 && /encrypted|unlock/i.test(said)) {
    return new DockerAnswerError(`Docker on ${target} has a locked Swarm; unlock it with docker swarm unlock`, statusCode, { cause });
  }
  return new DockerAnswerError(`Docker on ${target} answered with an error (${doing}): ${said}`, statusCode, { cause });
}
