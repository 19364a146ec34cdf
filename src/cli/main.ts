#!/usr/bin/env node
/** The `routemesh` command. */
import { ConfigurationError } from '../configuration/error.js';
import { exitCodes } from './exit-codes.js';
import { runProgram } from './program.js';

// `routemesh status | head -1`: nobody reads on, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.fine);
  throw error;
});
// Who reads the log may go before the controller does (journald restarts); no line is worth the mesh's upkeep.
process.stderr.on('error', () => undefined);

try {
  const exitCode = await runProgram(process.argv.slice(2));
  // Open keep-alive sockets would hold the process; what is written goes out first.
  process.stdout.write('', () => process.exit(exitCode));
} catch (error) {
  process.exitCode = tell(error);
  process.stderr.write('', () => process.exit());
}

function tell(error: unknown): number {
  if (error instanceof ConfigurationError) {
    for (const problem of error.problems) process.stderr.write(`routemesh: ${problem}\n`);
    return exitCodes.usage;
  }
  const text = error instanceof Error ? (process.env.ROUTEMESH_LOG_LEVEL === 'debug' ? error.stack : undefined) ?? error.message : String(error);
  process.stderr.write(`routemesh: ${text}\n`);
  return exitCodes.failed;
}
