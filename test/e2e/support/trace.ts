/** `routemesh trace` of a node of the lab, as programs read it. */
import type { Trace } from '../../../src/trace/hop.js';
import { attempt } from './lab.js';

/** `routemesh trace … --json` on the node, with its exit code. */
export async function trace(...words: readonly string[]): Promise<Trace & { readonly code: number | null }> {
  const { code, stdout, stderr } = await attempt(['exec', 'h1', 'routemesh', 'trace', ...words, '--json']);
  if (stdout === '') throw new Error(`routemesh trace said nothing: ${stderr}`);
  return { ...(JSON.parse(stdout) as Trace), code };
}

/** Where it ends: place and step, what happens there. */
export function endOf({ code, verdict: { end } }: Trace & { readonly code: number | null }) {
  return { code, at: `${end?.name ?? ''} ${end?.step ?? ''}`, what: end?.what, why: end?.why };
}
