/**
 * A program that does as little as an idle controller: it wakes five times a second and sends itself a datagram. Run in
 * the lab's machine and on its host, it tells how many times slower such work is there.
 *
 *   node --input-type=module - SECONDS <wake.js     prints the CPU that it took, in percent of one core
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

const interval = 200;
/** What a start leaves to be done is not rest. In milliseconds. */
const settling = 3_000;

async function wake(seconds: number): Promise<number> {
  const socket = createSocket('udp4', () => undefined).bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const timer = setInterval(() => { socket.send('?', socket.address().port, '127.0.0.1'); }, interval);
  await pause(settling);
  const before = process.cpuUsage();
  await pause(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  clearInterval(timer);
  socket.close();
  return (user + system) / 1e4 / seconds;
}

console.info((await wake(Number(process.argv[2]))).toFixed(4));
