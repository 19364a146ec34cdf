import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { protocols } from '../../../src/cluster/state.js';
import { fwmarkOf, hexOf, portOfFwmark } from '../../../src/plan/fwmark.js';

describe('firewall marks', () => {
  it('marks tcp/8080 with 0x61f90, as the documentation says', () => {
    expect(hexOf(fwmarkOf('tcp', 8080))).toBe('0x61f90');
  });

  it('gives every published port a mark of its own that tells the port', () => {
    fc.assert(
      fc.property(fc.constantFrom(...protocols), fc.integer({ min: 1, max: 65535 }), (protocol, port) => {
        expect(portOfFwmark(fwmarkOf(protocol, port))).toEqual({ protocol, port });
      }),
    );
  });

  it.each([0, 0x60000, 0x100, 0x70050])('does not take the mark %i for one of ours', (fwmark) => {
    expect(portOfFwmark(fwmark)).toBeNull();
  });
});
