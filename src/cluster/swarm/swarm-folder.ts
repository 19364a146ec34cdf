/**
 * Swarm's own folder on this node. What `docker info` says of the node's part changes only with what is in it: state.json
 * names the managers that the node knows and is written when those are others (swarmkit's node/node.go,
 * persistentRemotes), the certificates carry the role, and all of it goes when the node leaves.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lookOnChange } from '../file/watch.js';

const pollMilliseconds = 60_000;
const settleMilliseconds = 100;

/** False: it can't be seen from here (another machine's Docker, a container without it), and Docker must be asked instead. */
export function seesSwarmFolder(dockerRoot: string): boolean {
  return existsSync(join(dockerRoot, 'swarm', 'state.json'));
}

/** Calls back when something in the folder has changed, until the signal aborts. */
export async function followSwarmFolder(dockerRoot: string, onChange: () => void, signal: AbortSignal): Promise<void> {
  const look = (reason: string): Promise<void> => {
    if (reason === 'file changed') onChange();
    return Promise.resolve();
  };
  await lookOnChange({ folders: [join(dockerRoot, 'swarm')], pollMilliseconds, settleMilliseconds }, look, signal);
}
