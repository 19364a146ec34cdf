/** One project per layer: `unit` runs anywhere, `kernel` inside the lab's VM as root, `e2e` on the host and drives the lab. */
const typescript = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
};

const patience = '<rootDir>/test/support/patience.ts';
const setup = { unit: [patience], kernel: [patience], e2e: [patience, '<rootDir>/test/e2e/support/second-chance.ts'] };

const layer = (displayName) => ({
  ...typescript,
  displayName,
  roots: [`<rootDir>/test/${displayName}`],
  testMatch: ['**/*.test.ts'],
  setupFilesAfterEnv: setup[displayName],
});

export default { projects: ['unit', 'kernel', 'e2e'].map(layer) };
