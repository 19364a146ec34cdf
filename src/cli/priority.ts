/** What the controller does is little, and late it is worth nothing: a node is at its busiest just when its tasks are replaced. */
import { getPriority, setPriority } from 'node:os';
import type { Logger } from '../log.js';

/** As nice(2) counts. Below the kernel's own threads and far from real time. */
const niceness = -10;

/** Goes before the node's other programs, and so do the children that it starts. Where that is not allowed (no CAP_SYS_NICE), it goes on as it is. */
export function raisePriority(logger: Logger): void {
  if (getPriority() <= niceness) return;
  try {
    setPriority(niceness);
  } catch (error) {
    logger.debug('The controller keeps an ordinary priority: a busy node may be served late', { error, remedy: 'give it CAP_SYS_NICE, or Nice=-10 in its unit' });
  }
}
