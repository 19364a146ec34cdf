/**
 * An emulated machine with two processors stands still for seconds now and then, whatever else is true. A test that fails is
 * tried once more, and its first failure is printed all the same.
 */
import { jest } from '@jest/globals';

jest.retryTimes(1, { logErrorsBeforeRetry: true });
