import type { Output } from '../../../src/cli/output.js';
import { plainColours } from '../../../src/cli/output.js';

/** Output that is kept; `columns` null is a pipe. */
export function keptOutput(columns: number | null = null): Output & { text(): string } {
  let kept = '';
  return { write: (text) => { kept += text; }, columns, colours: plainColours, text: () => kept };
}
