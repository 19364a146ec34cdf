// summary.js RESULT...: adds up what jest reported (--json --outputFile) for each layer, and says it in one line.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of process.argv.slice(2)) {
  const { passed, failed, skipped, broken } = read(file);
  total.passed += passed;
  total.failed += failed + broken;
  total.skipped += skipped;
  const extra = broken > 0 ? `, ${broken} files that did not run` : '';
  console.log(`${basename(file, '.json').padEnd(16)} ${passed} passed, ${failed} failed, ${skipped} skipped${extra}`);
}
console.log('');
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** A layer that left no result did not run: that is a failure, not silence. */
function read(file) {
  try {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests,
      skipped: result.numPendingTests + result.numTodoTests,
      broken: result.numRuntimeErrorTestSuites,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0, broken: 1 };
  }
}
