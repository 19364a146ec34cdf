import { jest } from '@jest/globals';

/**
 * A test waits for conditions, and this is only when to give up: real kernels and daemons under software emulation are slow, and
 * unit tests may run beside them, at the lowest priority.
 */
jest.setTimeout(120_000);
