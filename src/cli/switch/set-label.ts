/** Sets the label on a manager: read, change, write at the version that was read; again when somebody else was faster. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerClient } from '../../cluster/docker/client.js';
import { DockerAnswerError } from '../../cluster/docker/errors.js';
import { idOf, nameOf, numberOf } from '../../cluster/docker/json.js';
import { labelChange, type LabelChange, type Mesh } from './label.js';

export interface SwitchedService extends Omit<LabelChange, 'spec'> {
  readonly id: string;
  readonly name: string;
  /** The service as Docker gave it, before. */
  readonly raw: unknown;
  /** False: the label was as wanted, or this is only a look. */
  readonly changed: boolean;
  /** Would it be changed, or was it? */
  readonly differs: boolean;
}

export interface SetLabelOptions {
  readonly service: string;
  readonly to: Mesh;
  readonly dryRun: boolean;
  /** Between a conflict and the next attempt, in milliseconds; a random share of it is added. */
  readonly pauseMilliseconds?: number;
}

type Services = Pick<DockerClient, 'inspectService' | 'updateService'>;

/** Nobody changes one service more often than that by hand, and a program that does is told. */
const mostAttempts = 10;

/** Rejects where there is no such service, or Docker refuses. */
export async function setLabel(docker: Services, { service, to, dryRun, pauseMilliseconds = 200 }: SetLabelOptions, signal: AbortSignal): Promise<SwitchedService> {
  for (let attempt = 1; ; attempt += 1) {
    const raw = await docker.inspectService(service, signal).catch((error: unknown) => explainMissing(error, service));
    const id = idOf(raw, 'ID');
    const version = numberOf(raw, 'Version', 'Index');
    if (id === null || version === null) throw new Error('Docker described the service without an ID or a version.');
    const { before, after, spec } = labelChange(raw, to);
    const found = { id, name: nameOf(raw, 'Spec', 'Name') ?? id, raw, before, after, differs: spec !== null };
    if (spec === null || dryRun) return { ...found, changed: false };
    try {
      await docker.updateService(id, { version, spec }, signal);
      return { ...found, changed: true };
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (attempt === mostAttempts) throw new Error(`The service is changed by somebody else all the time: ${mostAttempts} attempts were too late. Try again when its update has ended.`, { cause: error });
    }
    await sleep(pauseMilliseconds * (1 + Math.random()), undefined, { signal });
  }
}

/** swarmkit's ErrSequenceConflict (manager/state/store/memory.go), which reaches us with status 400 or 500. */
function isConflict(error: unknown): boolean {
  return error instanceof DockerAnswerError && /update out of sequence/i.test(error.message);
}

function explainMissing(error: unknown, service: string): never {
  if (error instanceof DockerAnswerError && error.statusCode === 404) throw new Error(`There is no service ${JSON.stringify(service)}. See \`docker service ls\`.`, { cause: error });
  throw error;
}
