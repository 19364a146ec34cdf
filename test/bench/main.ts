/** scripts/bench: measures the parts that were asked for, one after the other, and tells what came of them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeMeshes, startMeshes } from '../e2e/support/cluster.js';
import { plotsOf, withTables } from './documentation.js';
import { bringDown, bringUp, describeMachine, nodesOfLab, type Shape } from './machine.js';
import { help, readOptions, UsageError, type Options } from './options.js';
import type { Part } from './part.js';
import { churn } from './parts/churn.js';
import { convergence } from './parts/convergence.js';
import { dataPath } from './parts/data-path.js';
import { publish } from './parts/publish.js';
import { rest } from './parts/rest.js';
import { scale } from './parts/scale.js';
import { emptyReport, merge, type Figure, type PartName, type Report } from './report.js';
import { makeOverlay, removeOverlay } from './swarm.js';
import { terminalLines } from './tables.js';
import { tidied } from './tidied.js';
import { projectFolder } from '../support/project.js';

const exitUsage = 64;
const docs = join(projectFolder, 'docs');
const documented = join(docs, 'performance.json');

const parts: Readonly<Record<PartName, { readonly shape: Shape; readonly measure: Part }>> = {
  publish: { shape: 'swarm', measure: publish },
  convergence: { shape: 'swarm', measure: convergence },
  'data-path': { shape: 'swarm', measure: dataPath },
  scale: { shape: 'bare', measure: scale },
  rest: { shape: 'swarm', measure: rest },
  churn: { shape: 'swarm', measure: churn },
};

/** Parts that need the same lab follow one another. The data path stops the controllers that the others need running. */
const partsInOrder: readonly PartName[] = ['publish', 'convergence', 'rest', 'churn', 'data-path', 'scale'];

const began = Date.now();

function tell(message: string): void {
  process.stderr.write(`[${String(Math.round((Date.now() - began) / 1000)).padStart(5)}s] ${message}\n`);
}

/** What is measured is written down as soon as it is: a failure of what comes next costs only that. */
async function measure(options: Options): Promise<Report> {
  let report = emptyReport;
  let up: Shape | null = null;
  let staged: readonly string[] = [];
  process.env.LAB_NAME = options.lab ?? 'bench';
  endOnSignal(options.lab === null);
  return await tidied(async () => {
    for (const name of partsInOrder.filter((part) => options.parts.includes(part))) {
      const { shape, measure: part } = parts[name];
      if (shape === 'bare' && staged.length > 0) staged = await leaveStage(staged);
      if (options.lab === null && up !== shape) {
        up = shape;
        await bringUp(shape);
      }
      const nodes = await nodesOfLab();
      if (shape === 'swarm') staged = await setStage(nodes);
      const machine = await describeMachine(nodes);
      const measuredAt = new Date();
      const figures: Figure[] = [];
      for await (const some of part({ nodes, rounds: options.rounds, minutes: options.minutes, services: options.services, ports: options.ports, small: options.small, tell })) {
        figures.push(...some);
        report = merge(report, {
          format: 1,
          parts: { [name]: { measuredAt: measuredAt.toISOString(), seconds: Math.round((Date.now() - measuredAt.getTime()) / 1000), small: options.small, rounds: options.rounds, machine, figures } },
        });
        for (const file of [...(options.json === null ? [] : [options.json]), ...(options.docs ? [documented] : [])]) write(file, merge(read(file), report));
      }
    }
    return report;
  }, async () => {
    if (options.lab !== null && staged.length > 0) await leaveStage(staged);
    if (up !== null) await bringDown();
  });
}

/** For the parts that need a Swarm: our controllers on all nodes, and the network of what they publish. Again, it changes nothing. */
async function setStage(nodes: readonly string[]): Promise<readonly string[]> {
  await makeOverlay(nodes);
  await startMeshes(nodes);
  tell(`routemesh runs on ${nodes.join(', ')}`);
  return nodes;
}

async function leaveStage(nodes: readonly string[]): Promise<readonly string[]> {
  await removeMeshes(nodes);
  await removeOverlay(nodes);
  return [];
}

/** A run that is stopped leaves no virtual machine behind. In a lab of somebody else's it leaves its services. */
function endOnSignal(isOwnLab: boolean): void {
  for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]] as const) {
    process.once(signal, () => {
      tell(`stopped by ${signal}`);
      void (isOwnLab ? bringDown() : Promise.resolve()).finally(() => process.exit(128 + number));
    });
  }
}

function read(file: string): Report {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : emptyReport;
}

function write(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
}

function makeDocumentation(): void {
  const report = read(documented);
  const page = join(docs, 'performance.md');
  writeFileSync(page, withTables(readFileSync(page, 'utf8'), report));
  mkdirSync(join(docs, 'images'), { recursive: true });
  for (const [file, text] of Object.entries(plotsOf(report))) writeFileSync(join(docs, 'images', file), text);
}

async function main(words: readonly string[]): Promise<number> {
  let options: Options | null;
  try {
    options = readOptions(words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`scripts/bench: ${error.message}\nTry 'scripts/bench --help'.\n`);
    return exitUsage;
  }
  if (options === null) {
    process.stdout.write(help);
    return 0;
  }
  const report = await measure(options);
  process.stdout.write(terminalLines(report).map((line) => `${line}\n`).join(''));
  if (options.docs) makeDocumentation();
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`scripts/bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
