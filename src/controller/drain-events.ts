/** Tells when a task's drain begins and by what it ends. */
import type { Task } from '../cluster/state.js';
import type { EventObject, EventRecorder } from '../event.js';
import type { DrainEnd, DrainListener } from './drain.js';

const words: Readonly<Record<Exclude<DrainEnd, 'time is up'>, string>> = {
  'no connections left': 'drained: no connection is left',
  'task gone': 'no longer drained: the task is gone',
  'takes connections again': 'no longer drained: it takes connections again',
};

/** `connectionsOf`: as IPVS counts them; null where there are none to count. */
export function tellDrains(events: EventRecorder, connectionsOf: (task: Task) => number | null): DrainListener {
  return {
    onBegan: (task) => {
      events.normal('DrainBegan', objectOf(task), 'takes no new connections any more; those that it has may end');
    },
    onEnded: (task, end) => {
      if (end !== 'time is up') events.normal('DrainEnded', objectOf(task), words[end]);
      else events.warning('DrainTimedOut', objectOf(task), `taken out with ${connectionsOf(task) ?? 'an unknown number of'} connections left: its time to drain is up`);
    },
  };
}

function objectOf(task: Task): EventObject {
  return { kind: 'task', name: task.name };
}
