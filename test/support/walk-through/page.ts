/**
 * The commands of the walk-through's pages (docs/walk-through*.md), and what they say that these print. Pure.
 *
 * A fenced block ```console holds commands behind a prompt that says where (`h1 # …` root on a node, `client $ …` the lab's
 * client, `lab $ scripts/lab …` where the lab itself was brought up), each with its output below. A command that ends in a
 * backslash goes on in the next line. Other blocks are not run.
 */

export interface Step {
  /** Of the page, counted from 1: where the prompt is. */
  readonly line: number;
  readonly place: string;
  /** As a shell takes it, its lines joined by line ends. */
  readonly command: string;
  readonly output: readonly string[];
}

export class PageError extends Error {
  override readonly name = 'PageError';
  constructor(line: number, problem: string) {
    super(`line ${line} of the page: ${problem}`);
  }
}

type Kind = 'text' | 'other' | 'console';

const prompt = /^(h[1-9] #|client \$|lab \$(?= scripts\/lab )) (.*)$/;

/** @throws {PageError} for a block that would not be run as the page's author meant it */
export function stepsOf(page: string): Step[] {
  const steps: (Omit<Step, 'output'> & { output: string[] })[] = [];
  let kind: Kind = 'text';
  let opened = 0;
  let isContinued = false;
  let begun = 0;
  page.split('\n').forEach((text, index) => {
    const line = index + 1;
    if (text.startsWith('```')) {
      if (isContinued) throw new PageError(line, 'the command above goes on in the next line, and there is none');
      [kind, opened, begun] = kind === 'text' ? [openedBy(text, line), line, steps.length] : [closedBy(text, line), 0, 0];
      return;
    }
    if (kind !== 'console') return;
    const step = steps.at(-1);
    if (isContinued && step !== undefined) {
      steps[steps.length - 1] = { ...step, command: `${step.command}\n${text}` };
      isContinued = text.endsWith('\\');
      return;
    }
    const [, place, command] = prompt.exec(text) ?? [];
    if (place !== undefined && command !== undefined) {
      steps.push({ line, place: place.split(' ')[0] ?? '', command, output: [] });
      isContinued = command.endsWith('\\');
      return;
    }
    if (step === undefined || steps.length === begun) throw new PageError(line, `expected a prompt such as "h1 # " or "client $ " first, got ${JSON.stringify(text)}`);
    step.output.push(text);
  });
  if (kind !== 'text') throw new PageError(opened, 'this block has no end');
  return steps;
}

function openedBy(text: string, line: number): Kind {
  const [language = '', ...more] = text.slice(3).trim().split(/\s+/);
  if (language !== 'console') return 'other';
  if (more.length > 0) throw new PageError(line, `expected nothing behind \`\`\`console, got ${JSON.stringify(more.join(' '))}`);
  return 'console';
}

function closedBy(text: string, line: number): Kind {
  if (text.trim() !== '```') throw new PageError(line, 'a block begins inside of another');
  return 'text';
}

/** The page with other outputs. `outputs`: by the step's line. */
export function withOutputs(page: string, outputs: ReadonlyMap<number, readonly string[]>): string {
  const lines = page.split('\n');
  // From the end, so that the lines before stay where they are.
  for (const step of stepsOf(page).reverse()) {
    const output = outputs.get(step.line);
    if (output === undefined) continue;
    const first = step.line - 1 + step.command.split('\n').length;
    lines.splice(first, step.output.length, ...output);
  }
  return lines.join('\n');
}

/** Does it change anything? Then it is run once; what only looks is looked at again until the mesh has followed. */
export function changesSomething(command: string): boolean {
  return /\bdocker (service (create|update|scale|rm)|pause|unpause)\b|\bmesh (start|stop)\b|\biptables (-t \w+ )?-[AIDF]\b|\bipvsadm -[CAEDaed]\b|\b(ip|bridge) \S+ (add|del|delete|set|flush)\b|\bscripts\/lab cable\b|\bkill\b|\btouch\b|>|\bsetsid\b/.test(command);
}
