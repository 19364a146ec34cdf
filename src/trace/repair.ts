/** What would repair a way that ends. */
import type { Observation } from './observation.js';

/** For what the controller makes and keeps. */
export function byController({ controller }: Pick<Observation, 'controller'>): string {
  return controller === null
    ? 'No controller runs on this node. Start it (`systemctl start routemesh`, or `routemesh run`): it puts this back.'
    : `The controller (pid ${controller}) puts this back within seconds. If it does not, \`routemesh status\` says why.`;
}
