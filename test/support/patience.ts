import { jest } from '@jest/globals';

/** Real kernels and daemons under software emulation: a test waits for conditions, and this is only when to give up. */
jest.setTimeout(60_000);
