/** UDP over a whole node: each datagram for itself, and flows whose task is gone. Needs a kernel with IPVS: the lab's (docs/lab.md). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { UdpScheduling } from '../../../src/cluster/policy.js';
import type { Engine } from '../../../src/kernel/engine.js';
import { cluster, port, service, task } from '../../unit/plan/fixtures.js';
import { Bed, host, sh, taskNamespaces, told } from './bed.js';

// An emulated machine starts ten programs a second.
/** Answers every datagram with its own address. */
const server = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5353))
print("up", flush=True)
while True:
    s.sendto(sys.argv[1].encode(), s.recvfrom(99)[1])`;

/** From one client port: so many datagrams, each sent again until it is answered; prints who answered, and how many were lost. */
const client = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.168.56.11", int(sys.argv[1])))
s.connect(("192.168.56.11", 53))
s.settimeout(2)
answered, lost = [], 0
while len(answered) < int(sys.argv[2]) and lost < 5:
    s.send(b"?")
    try: answered.append(s.recv(99).decode())
    except TimeoutError: lost += 1
print(" ".join(answered), "lost", lost)`;

function asked(clientPort: number, times: number): { readonly by: string[]; readonly lost: number } {
  const words = sh(host, 'python3', '-c', client, String(clientPort), String(times)).trim().split(' ');
  return { by: words.slice(0, -2), lost: Number(words.at(-1)) };
}

const clusterWith = (udp: UdpScheduling, slots: readonly number[]) =>
  cluster({ services: [service('dns', [port(53, 5353, { protocol: 'udp', publishedBy: 'label', policy: { udp } })])], tasks: slots.map((slot) => task('dns', slot)) });

describe('udp', () => {
  let bed: Bed;
  let engine: Engine;
  const servers: ChildProcess[] = [];

  beforeAll(async () => {
    bed = await Bed.make();
    engine = await bed.engine();
    await Promise.all(
      taskNamespaces.map(async (name, index) => {
        const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'python3', '-c', server, `10.0.0.${index + 5}`], { stdio: ['ignore', 'pipe', 'inherit'] });
        servers.push(child);
        await once(child.stdout, 'data');
      }),
    );
  });
  afterAll(async () => {
    await Promise.all(servers.map((child) => { const gone = once(child, 'exit'); child.kill('SIGKILL'); return gone; }));
    engine.close();
    bed.close();
  });

  const programme = async (udp: UdpScheduling, slots: readonly number[] = [1, 2]): Promise<void> => {
    const plan = bed.plan(clusterWith(udp, slots));
    const { failed } = await engine.apply(plan, await engine.difference(plan));
    expect(failed.map(({ change, error }) => `${change.place} ${change.summary}: ${error.message}`)).toEqual([]);
  };

  test('the rules of one-packet are such as iptables prints them: a second run does nothing', async () => {
    await programme('one-packet');
    expect(told(await engine.difference(bed.plan(clusterWith('one-packet', [1, 2]))))).toEqual([]);
  });

  test('one client port is answered by every task in turn, each time from the port that it asked', async () => {
    await programme('one-packet');
    const { by, lost } = asked(40_001, 8);
    expect(lost).toBe(0);
    expect([...by].sort()).toEqual([...Array<string>(4).fill('10.0.0.5'), ...Array<string>(4).fill('10.0.0.6')]);
  });

  test('a flow stays with its task; when the task is removed, its client goes on with another at once', async () => {
    await programme('flow');
    const [first] = asked(40_002, 1).by;
    expect(asked(40_002, 5)).toEqual({ by: Array<string>(5).fill(String(first)), lost: 0 });

    await programme('flow', first === '10.0.0.5' ? [2] : [1]);

    const { by, lost } = asked(40_002, 3);
    expect(by).toEqual(Array<string>(3).fill(first === '10.0.0.5' ? '10.0.0.6' : '10.0.0.5'));
    // Kernels before 5.9 give up one datagram to find out.
    expect(lost).toBeLessThanOrEqual(1);
  });
});
