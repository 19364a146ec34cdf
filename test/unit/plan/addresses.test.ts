import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hostOf, ipv4FromNumber, ipv4ToNumber, macOf, prefixLengthOf, routerAddress, subnetOf } from '../../../src/plan/addresses.js';

describe('addresses', () => {
  it('gives the node 192.168.56.11 the router address that the documentation names', () => {
    expect(routerAddress('192.168.56.11')).toBe('100.104.56.11');
  });

  it('keeps every router address inside 100.64.0.0/10, so none collides with a routed network', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const router = ipv4ToNumber(routerAddress(address));
        expect(router >>> 22).toBe(ipv4ToNumber('100.64.0.0') >>> 22);
        expect(router & 0x3fffff).toBe(ipv4ToNumber(address) & 0x3fffff);
      }),
    );
  });

  it('loses no bit between text and number', () => {
    fc.assert(fc.property(fc.ipV4(), (address) => expect(ipv4FromNumber(ipv4ToNumber(address))).toBe(address)));
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.-1', '1.2.3.x', '::1'])('refuses %j instead of programming nonsense', (text) => {
    expect(() => ipv4ToNumber(text)).toThrow(RangeError);
  });

  it.each([
    ['10.0.0.5', 24, '10.0.0.0/24'],
    ['10.0.3.5', 22, '10.0.0.0/22'],
    ['255.1.2.3', 0, '0.0.0.0/0'],
    ['255.1.2.3', 32, '255.1.2.3/32'],
  ])('%s/%i lies in %s', (address, prefixLength, subnet) => {
    expect(subnetOf(address, prefixLength)).toBe(subnet);
  });

  it('counts hosts of a subnet from its first address', () => {
    expect(hostOf('172.30.0.0/24', 2)).toBe('172.30.0.2');
    expect(prefixLengthOf('172.30.0.0/24')).toBe(24);
  });

  it('gives bridge, sandbox and task different hardware addresses for one IPv4 address', () => {
    const macs = (['bridge', 'sandbox', 'task'] as const).map((family) => macOf('10.0.0.5', family));
    expect(new Set(macs).size).toBe(3);
    for (const mac of macs) expect(mac).toMatch(/^02:4[2-4]:0a:00:00:05$/);
  });
});
