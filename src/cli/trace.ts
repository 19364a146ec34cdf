/** `routemesh trace PORT`: the way of a packet through this node, read from the kernel. Changes nothing. */
import { ConfigurationError } from '../configuration/error.js';
import type { Settings } from '../settings.js';
import { parseRequest } from '../trace/request.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';

interface TraceFlags {
  readonly json: boolean;
  /** `8080`, `53/udp`. */
  readonly port: string;
  /** The client's address, when one was given. */
  readonly from: string | undefined;
  readonly live: boolean;
  readonly timeout: string | undefined;
}

export async function runTrace(settings: Settings, { json, port, from, live, timeout }: TraceFlags, output: Output): Promise<number> {
  const request = parseRequest(port, from);
  if (live) return (await import('./trace-live.js')).runLiveTrace(settings, { ...request, client: from === undefined ? null : request.client }, { json, timeout }, output);
  if (timeout !== undefined) throw new ConfigurationError(['`--timeout` is how long `--live` waits; without that nothing is waited for.']);
  const [{ observe }, { trace }, { renderTrace }] = await Promise.all([import('../trace/observe.js'), import('../trace/trace.js'), import('../trace/view.js')]);
  const found = trace(await observe(settings, request), request);
  if (json) writeJson(output, found);
  else output.write(renderTrace(found, output));
  return found.verdict.reaches ? exitCodes.fine : exitCodes.failed;
}
