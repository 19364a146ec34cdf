/** What the controller does is little, and late it is worth nothing: a node is at its busiest just when its tasks are replaced. */
import { getPriority, setPriority } from 'node:os';
import { steadyPriority, type Priority } from '../controller/priority.js';
import type { Logger } from '../log.js';

/** As nice(2) counts. Below the kernel's own threads and far from real time. Who was put before that already stays there. */
const before = -10;
/** A tenth of the turns, beside one program that wants as many as it can get (sched_prio_to_weight[] in kernel/sched/core.c): behind it, but not for ever. */
const behind = 10;

/**
 * Goes before the node's other programs from now on, and so do the children that it starts. Where that is not allowed (no
 * CAP_SYS_NICE, no RLIMIT_NICE), it goes on as it is, and never behind them: there would be no way back.
 */
export function raisePriority(logger: Logger): Priority {
  const given = getPriority();
  const raised = Math.min(given, before);
  try {
    // Who begins at the top has not shown yet that it may come back there.
    if (given === raised) setPriority(raised + 1);
    setPriority(raised);
  } catch (error) {
    logger.debug('The controller keeps its priority: a busy node may be served late', { error, remedy: 'give it CAP_SYS_NICE, or Nice=-10 and LimitNICE=-10 in its unit' });
    return steadyPriority;
  }
  let now = raised;
  // Of the thread that calls, which is the one that does the controller's work.
  const set = (niceness: number): void => {
    if (niceness === now) return;
    setPriority(niceness);
    now = niceness;
  };
  return { raise: () => { set(raised); }, lower: () => { set(behind); } };
}
