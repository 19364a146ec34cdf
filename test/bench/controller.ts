/** The controller of a node of the lab, looked at from outside. */
import { eventually, shell } from '../e2e/support/lab.js';
import { askController } from '../e2e/support/mesh.js';
import { microseconds } from './ipvs-events.js';
import { parseProcess, processFacts, type ProcessFacts } from './processes.js';

const log = '/var/log/routemesh.log';

export async function factsOf(node: string): Promise<ProcessFacts> {
  return parseProcess(await shell(node, processFacts('$(cat /run/lab/mesh.pid)')));
}

/** By its own metrics; what is dead and not yet swept away is counted. */
export async function usedHeapMiB(node: string): Promise<number> {
  const metrics = await askController('/metrics', node);
  return Number(/^nodejs_heap_used_bytes (\S+)$/m.exec(metrics)?.[1]) / 2 ** 20;
}

/** How much its log says now: to look only at what comes after. */
export async function logLength(node: string): Promise<number> {
  return Number(await shell(node, `wc -l <${log}`));
}

/** When the controller first said, after so many lines of its log, that it has changed the kernel; in microseconds since 1970. */
export async function programmedAfter(node: string, lines: number): Promise<number> {
  return await eventually(async () => {
    const said = await shell(node, `tail -n +${lines + 1} ${log} | grep '"reason":"Programmed"' | head -1`).catch(() => '');
    if (said === '') throw new Error(`routemesh on ${node} has programmed nothing yet`);
    const { time, failed } = JSON.parse(said) as { readonly time: string; readonly failed: number };
    if (failed > 0) throw new Error(`routemesh on ${node} could not program ${failed} objects`);
    return microseconds(time);
  }, 600_000);
}
