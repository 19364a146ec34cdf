import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { parseIpvsConnections } from '../../../native/ipvs/connections.js';
import { parseTcpSockets } from '../../../native/tcp-sockets.js';

const IPVS = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0A83864 D431 AC1E0002 1F90 0A000005 0050 ESTABLISHED    7999
UDP C0A83864 C350 AC1E0002 0035 0A000006 0035 UDP             299
IP  C0A83864 0000 00061F90 0000 0A000005 0050 NONE            300
TCP [fe80:0000:0000:0000:0000:0000:0000:0001] D431 [fe80:0000:0000:0000:0000:0000:0000:0002] 1F90 0A000005 0050 ESTABLISHED 8
`;

test('IPVS connections are found with client, real server, state and the seconds that they are kept; persistence templates are no connections', () => {
  expect(parseIpvsConnections(IPVS)).toEqual([
    { protocol: 'tcp', client: '192.168.56.100', clientPort: 54321, virtual: '172.30.0.2', virtualPort: 8080, server: '10.0.0.5', serverPort: 80, state: 'ESTABLISHED', expiresSeconds: 7999 },
    { protocol: 'udp', client: '192.168.56.100', clientPort: 50000, virtual: '172.30.0.2', virtualPort: 53, server: '10.0.0.6', serverPort: 53, state: 'UDP', expiresSeconds: 299 },
  ]);
});

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0500000A:0050 6438A8C0:D431 01 00000000:00000057 00:00000000 00000000     0        0 0 1 0000000000000000 100 0 0 10 0
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000500000A:0050 0000000000000000FFFF00006438A8C0:D432 08 00000011:00000000 00:00000000 00000000     0        0 4712 1
`;

test('a connection that no program has accepted is told from one that has, with what waits in it, also where the program listens by IPv6', () => {
  expect([TCP, TCP6].flatMap(parseTcpSockets)).toEqual([
    { local: '0.0.0.0', localPort: 80, remote: '0.0.0.0', remotePort: 0, state: 'LISTEN', sendQueue: 0, receiveQueue: 1, inode: 4711 },
    { local: '10.0.0.5', localPort: 80, remote: '192.168.56.100', remotePort: 54321, state: 'ESTABLISHED', sendQueue: 0, receiveQueue: 87, inode: 0 },
    { local: '10.0.0.5', localPort: 80, remote: '192.168.56.100', remotePort: 54322, state: 'CLOSE_WAIT', sendQueue: 17, receiveQueue: 0, inode: 4712 },
  ]);
});

test('a table that is nonsense is empty and never an error', () => {
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
    parseIpvsConnections(text);
    parseTcpSockets(text);
  }));
});
