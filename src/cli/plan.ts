/** `routemesh plan`: what `run` would change right now. Changes nothing. */
import type { ClusterSource, LocalTasks } from '../cluster/source.js';
import { withDrains } from '../controller/drain.js';
import { gatherContext, type AskedKernel } from '../controller/gather.js';
import { noInsight, type Insight } from '../controller/insight.js';
import type { MeshKernel } from '../controller/mesh-kernel.js';
import { askWhyNoSets } from '../controller/sets.js';
import { wordsOf, type Change } from '../kernel/change.js';
import { isUnreadable } from '../kernel/unreadable.js';
import type { NodePlan } from '../plan/node-plan.js';
import { portKey } from '../plan/fwmark.js';
import { plan } from '../plan/plan.js';
import { askController } from '../server/control-client.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';
import { countChanges, renderPlan } from './plan-view.js';

/** For all that Docker and the managers are asked; each question has a shorter one of its own, which names who was silent. */
const patienceMilliseconds = 120_000;

export async function runPlan(settings: Settings, json: boolean, output: Output): Promise<number> {
  const signal = AbortSignal.timeout(patienceMilliseconds);
  try {
    return await showPlan(settings, json, output, signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    throw new Error(`The cluster could not be read within ${patienceMilliseconds / 1_000} s: Docker or a manager's relay answers too slowly. \`routemesh doctor\` looks at both; \`routemesh status\` shows what the running controller knows.`, { cause: error });
  }
}

async function showPlan(settings: Settings, json: boolean, output: Output, signal: AbortSignal): Promise<number> {
  const { assemble } = await import('./assembly.js');
  const { source, localTasks, node, kernel } = await assemble(settings, signal);
  try {
    const { changes, unread, nodePlan } = await computePlan({ settings, node, source, localTasks, kernel, insight: () => insightOf(settings) }, signal);
    if (json) writeJson(output, { node, counts: countChanges(changes), changes: changes.map(wordsOf), unread, conditions: nodePlan.conditions, plan: nodePlan });
    else output.write(renderPlan(changes, nodePlan, output));
    if (unread.length > 0) throw new Error(`Not all of the kernel could be read, so there may be more to do:\n${unread.map((line) => `  ${line}`).join('\n')}`);
    return changes.length === 0 ? exitCodes.fine : exitCodes.changes;
  } finally {
    kernel.close();
  }
}

export interface PlanInputs {
  readonly settings: Settings;
  readonly node: { readonly id: string };
  readonly source: Pick<ClusterSource, 'read'>;
  readonly localTasks: Pick<LocalTasks, 'read'>;
  readonly kernel: MeshKernel;
  /** Asks the running controller. */
  readonly insight: () => Promise<Insight>;
}

export interface PlanResult {
  readonly changes: readonly Change[];
  /** What of the kernel could not be read, one line each. */
  readonly unread: readonly string[];
  readonly nodePlan: NodePlan;
}

export async function computePlan(inputs: PlanInputs, signal: AbortSignal): Promise<PlanResult> {
  const { settings, node } = inputs;
  const [read, localTasks] = await Promise.all([inputs.source.read(signal), inputs.localTasks.read(signal)]);
  // Asked last, so that it is not older than what was read.
  const { heldPorts, deadPeers, unreachedTasks, drains } = await inputs.insight();
  const held = new Set(heldPorts);
  const state = withDrains(read, drains);
  const kernel = withoutOwnPlaceholders(inputs.kernel, held);
  const whyNoSets = await askWhyNoSets(state, settings, inputs.kernel);
  const context = gatherContext(state, { nodeId: node.id, settings, kernel, localTasks, whyNoSets, deadPeers: new Set(deadPeers), unreachedTasks: new Set(unreachedTasks) }, () => undefined);
  const nodePlan = plan(state, context);
  const difference = await inputs.kernel.difference(nodePlan);
  return {
    changes: difference.filter((change) => !isUnreadable(change) && !(change.kind === 'placeholder' && held.has(change.key))),
    unread: difference.filter(isUnreadable).map(({ place, summary }) => `${place}: ${summary}`),
    nodePlan,
  };
}

/** Placeholder sockets live in the controller's process: to this one they look like another program's. */
function withoutOwnPlaceholders(kernel: AskedKernel, held: ReadonlySet<string>): AskedKernel {
  return {
    release: kernel.release,
    underlayMtu: (address) => kernel.underlayMtu(address),
    resolveTask: (path, identity) => kernel.resolveTask(path, identity),
    portsHeldByOthers: (ports) => kernel.portsHeldByOthers(ports.filter(({ protocol, port }) => !held.has(portKey(protocol, port)))),
  };
}

/** Nothing without a controller, or of one too old to be asked. */
async function insightOf(settings: Settings): Promise<Insight> {
  return (await askController(settings.controlSocket, '/insight', 3000).catch(() => noInsight)) as Insight;
}
