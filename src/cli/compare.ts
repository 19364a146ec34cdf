/** `routemesh compare`: this node's two meshes side by side, read from the kernel. Changes nothing. */
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';

export async function runCompare(settings: Settings, json: boolean, output: Output): Promise<number> {
  const [{ observe }, { compare }, { renderComparison }] = await Promise.all([import('../compare/observe.js'), import('../compare/compare.js'), import('../compare/view.js')]);
  const found = compare(await observe(settings));
  if (json) writeJson(output, found);
  else output.write(renderComparison(found, output));
  return found.verdict.different.length === 0 ? exitCodes.fine : exitCodes.changes;
}
