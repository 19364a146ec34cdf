/** Whether rules may match by sets: asked only where so many ports are published that it matters. */
import type { ClusterState } from '../cluster/state.js';
import { areSetsWanted } from '../plan/sets.js';
import type { Settings } from '../settings.js';
import type { MeshKernel } from './mesh-kernel.js';

const untried = 'nobody has tried yet whether this node has sets';

/** What keeps rules from matching by sets; null: nothing. */
export async function askWhyNoSets(state: Pick<ClusterState, 'services'> | null, { setsFrom }: Pick<Settings, 'setsFrom'>, kernel: Pick<MeshKernel, 'whyNoSets'>): Promise<string | null> {
  let count = 0;
  for (const { ports } of state?.services ?? []) count += ports.length;
  return areSetsWanted(setsFrom, count) ? ((await kernel.whyNoSets?.()) ?? null) : untried;
}

/**
 * For a plan of which only what IPVS holds is applied: sets are taken to be there until somebody has tried. A rule for each
 * of ten thousand ports would be made for nothing, and made again as sets a moment later.
 */
export function supposingSets(whyNoSets: string | null = null): string | null {
  return whyNoSets === untried ? null : whyNoSets;
}
