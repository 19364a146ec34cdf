/** `routemesh plan`: what `run` would change right now. Changes nothing. */
import type { ClusterSource, LocalTasks } from '../cluster/source.js';
import { gatherContext, type AskedKernel } from '../controller/gather.js';
import type { MeshKernel } from '../controller/mesh-kernel.js';
import { askWhyNoSets } from '../controller/sets.js';
import type { StatusReport } from '../controller/report.js';
import { wordsOf, type Change } from '../kernel/change.js';
import { isUnreadable } from '../kernel/unreadable.js';
import type { NodePlan } from '../plan/node-plan.js';
import type { Placeholder } from '../plan/objects.js';
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
    const [held, deadPeers] = await Promise.all([portsHeldByController(settings), deadPeersOfController(settings)]);
    const { changes, unread, nodePlan } = await computePlan({ settings, node, source, localTasks, kernel, held, deadPeers }, signal);
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
  /** Ports on which the running controller keeps placeholder sockets, as `protocol/number`. */
  readonly held: ReadonlySet<string>;
  /** Peers that the running controller finds dead; empty without one. */
  readonly deadPeers: ReadonlySet<string>;
}

export interface PlanResult {
  readonly changes: readonly Change[];
  /** What of the kernel could not be read, one line each. */
  readonly unread: readonly string[];
  readonly nodePlan: NodePlan;
}

export async function computePlan(inputs: PlanInputs, signal: AbortSignal): Promise<PlanResult> {
  const { settings, node, held } = inputs;
  const [state, localTasks] = await Promise.all([inputs.source.read(signal), inputs.localTasks.read(signal)]);
  const kernel = withoutOwnPlaceholders(inputs.kernel, held);
  const whyNoSets = await askWhyNoSets(state, settings, inputs.kernel);
  const context = gatherContext(state, { nodeId: node.id, settings, kernel, localTasks, whyNoSets, deadPeers: inputs.deadPeers, unreachedTasks: new Set() }, () => undefined);
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
    portsHeldByOthers: (ports) => kernel.portsHeldByOthers(ports.filter((port) => !held.has(keyOf(port)))),
  };
}

async function portsHeldByController(settings: Settings): Promise<Set<string>> {
  const running = (await askController(settings.controlSocket, '/plan', 3000).catch(() => null)) as NodePlan | null;
  return new Set((running?.places ?? []).flatMap((place) => place.placeholders.map(keyOf)));
}

/** Whom the running controller finds dead; nobody without one. */
async function deadPeersOfController(settings: Settings): Promise<Set<string>> {
  const report = (await askController(settings.controlSocket, '/status', 3000).catch(() => null)) as StatusReport | null;
  return new Set((report?.peers ?? []).filter(({ state }) => state === 'dead').map(({ id }) => id));
}

function keyOf({ protocol, port }: Placeholder): string {
  return `${protocol}/${port}`;
}
