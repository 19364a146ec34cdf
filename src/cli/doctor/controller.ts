/** Does a controller run here, and can it be asked? */
import { ok, warn, type Finding } from './finding.js';
import type { Claim } from '../../server/controller-claim.js';

export interface ControllerProbes {
  readonly runningController: () => Promise<Claim | null>;
  /** Rejects when nothing answers. */
  readonly ask: (path: string) => Promise<unknown>;
}

export async function checkController({ runningController, ask }: ControllerProbes, socket: string): Promise<Finding[]> {
  const check = 'controller';
  const claim = await runningController().catch(() => null);
  const answers = await ask('/healthz').then(() => true, () => false);
  if (answers) return [ok(check, `runs${claim === null ? '' : ` as pid ${claim.pid}`} and answers on ${socket}`)];
  if (claim === null) return [ok(check, 'none runs on this node')];
  return [warn(check, `runs as pid ${claim.pid}, but does not answer on ${socket}`, 'If it has another socket, name it with --control-socket; otherwise look at its log.')];
}
