/**
 * Compiles each test of the kernel layer with all that it imports into dist/test/kernel, beside what jest is to make of them.
 * They run in a machine that may be emulated, and to look up, read and compile some 200 modules takes longer there than most tests.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const folder = 'dist/test/kernel';

rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: ['test/kernel/**/*.test.ts', 'test/support/patience.ts'],
  outbase: 'test',
  outdir: 'dist/test',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: ['koffi', '@jest/globals'],
  // Errors are told by their class's name.
  keepNames: true,
  logLevel: 'warning',
});
writeFileSync(`${folder}/jest.config.json`, JSON.stringify({
  displayName: 'kernel',
  rootDir: '..',
  roots: ['<rootDir>/kernel'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  setupFilesAfterEnv: ['<rootDir>/support/patience.js'],
}));
