/** `routemesh cleanup`: removes everything of ours from the node. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { wordsOf, type Change } from '../kernel/change.js';
import { AlreadyRunningError, runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Colours, type Output } from './output.js';
import { renderChanges } from './plan-view.js';

interface CleanupFlags {
  readonly json: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export async function runCleanup(settings: Settings, flags: CleanupFlags, output: Output): Promise<number> {
  const running = flags.dryRun || flags.force ? null : await runningController();
  if (running !== null) {
    const reason = `${new AlreadyRunningError(running.pid).message.split('.', 1)[0] ?? ''}, and would build everything again`;
    throw new Error(`${reason}. Stop it first (\`systemctl stop routemesh\`), or use --force.`);
  }
  const { cleanup } = await import('../kernel/cleanup.js');
  const { removed, failed } = await cleanup({ settings, dryRun: flags.dryRun });
  if (!flags.dryRun && failed.length === 0) await forgetState(settings.stateFolder);
  if (flags.json) writeJson(output, { dryRun: flags.dryRun, removed: removed.map(wordsOf), failed: failed.map(({ change, message }) => ({ change: wordsOf(change), message })) });
  else output.write(renderCleanup(removed, failed, flags.dryRun, output));
  return failed.length === 0 ? exitCodes.fine : exitCodes.failed;
}

/** What a controller remembers of a cluster has no meaning once its node holds nothing of it. */
async function forgetState(folder: string): Promise<void> {
  for (const file of ['cluster-state.json', 'node.json']) await rm(join(folder, file), { force: true });
}

export interface CleanupFailure {
  readonly change: Change;
  readonly message: string;
}

export function renderCleanup(removed: readonly Change[], failed: readonly CleanupFailure[], dryRun: boolean, output: Pick<Output, 'colours'>): string {
  const { colours } = output;
  const failures = failed.map(({ change, message }) => colours.red(`${dryRun ? 'Could not look at' : 'Could not remove'} ${change.place} ${change.summary}: ${message}`));
  const total = verdict(removed.length, failed.length, dryRun, colours);
  return `${[...renderChanges(removed, [], output), ...failures, total].join('\n')}\n`;
}

function verdict(removed: number, failed: number, dryRun: boolean, colours: Colours): string {
  if (removed === 0 && failed === 0) return colours.green('Nothing of routemesh is on this node.');
  const count = `${removed} ${removed === 1 ? 'object' : 'objects'}`;
  if (dryRun) return `${count} would be removed.`;
  if (failed > 0) return colours.red(`${count} removed, ${failed} left. Run cleanup again; what it says above is in the way.`);
  return colours.green(`${count} removed; nothing of routemesh is left on this node.`);
}
