import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { parseSctpEndpoints, parseSocketTable } from '../../../native/listeners.js';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0B38A8C0:1F90 6438A8C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;

test('listening sockets are found with address, port and inode; connections on the same port are not taken for them', () => {
  expect(parseSocketTable(TCP, 'tcp', '0A')).toEqual([
    { protocol: 'tcp', address: '0.0.0.0', port: 8080, inode: 4711 },
    { protocol: 'tcp', address: '127.0.0.1', port: 22, inode: 4712 },
  ]);
});

test('IPv6 sockets are found, since they hold IPv4 ports too', () => {
  const row = '   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 99 1';
  expect(parseSocketTable(row, 'tcp', '0A')).toEqual([{ protocol: 'tcp', address: '::1', port: 80, inode: 99 }]);
});

test('sctp endpoints are found', () => {
  const text = ' ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\nffff ffff 2 10 29 9999 0 1234 0.0.0.0 \n';
  expect(parseSctpEndpoints(text)).toEqual([{ protocol: 'sctp', address: '0.0.0.0', port: 9999, inode: 1234 }]);
});

test('a table that is nonsense is empty and never an error', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
    parseSocketTable(text, 'udp', '07');
    parseSctpEndpoints(text);
  }));
});
