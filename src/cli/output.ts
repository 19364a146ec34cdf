/** Where a command's answer goes, and what may be done there. */
import picocolors from 'picocolors';
import { wantsColours } from '../colours.js';

export type Colours = ReturnType<typeof picocolors.createColors>;

export interface Output {
  /** Text as it is, with its line ends. */
  write(text: string): void;
  /** Width of the terminal; null where there is none, and lines may be as long as they like. */
  readonly columns: number | null;
  readonly colours: Colours;
}

export function standardOutput(stream: NodeJS.WriteStream = process.stdout, environment: NodeJS.ProcessEnv = process.env): Output {
  return {
    write: (text) => { stream.write(text); },
    columns: stream.isTTY ? stream.columns : null,
    colours: picocolors.createColors(stream.isTTY && wantsColours(environment)),
  };
}

export function writeJson(output: Output, value: unknown): void {
  output.write(`${JSON.stringify(value, null, 2)}\n`);
}

export const plainColours: Colours = picocolors.createColors(false);
