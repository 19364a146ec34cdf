/** Requests to published ports, and what the task that answered saw. */
import { shell } from './lab.js';

export interface Answer {
  /** Host name of the task: its container's id. */
  readonly server: string;
  /** The client's address as the task saw it. */
  readonly client: string;
}

/** Asks `times` times, one connection each, from a node or the client. A request that fails is an error. */
export async function ask(from: string, url: string, times = 1): Promise<Answer[]> {
  return answersIn(await shell(from, `for i in $(seq ${times}); do curl -sS --fail --max-time 5 ${url}/who || exit 1; done`));
}

/** The same from inside of a task's network namespace. */
export async function askFromTask(node: string, pid: string, url: string, times = 1): Promise<Answer[]> {
  return answersIn(await shell(node, `for i in $(seq ${times}); do nsenter --net=/proc/${pid}/ns/net curl -sS --fail --max-time 5 ${url}/who || exit 1; done`));
}

/** One datagram with an answer, from a port of its own. Fails when no answer comes within 3 s. */
export async function askByUdp(from: string, address: string, port: number, times = 1): Promise<Answer[]> {
  const script = `import socket
for i in range(${times}):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect(("${address}", ${port}))
    s.send(b"hello")
    print(s.recv(2048).decode().strip())
    s.close()`;
  return answersIn(await shell(from, `python3 -c '${script}'`));
}

export function servers(answers: readonly Answer[]): string[] {
  return [...new Set(answers.map(({ server }) => server))].sort();
}

export function clients(answers: readonly Answer[]): string[] {
  return [...new Set(answers.map(({ client }) => client))].sort();
}

function answersIn(output: string): Answer[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, server, client] = /^(\S+) sees ([\d.]+):\d+/.exec(line) ?? [];
      if (server === undefined || client === undefined) throw new Error(`not the test image's answer: ${JSON.stringify(line)}`);
      return { server, client };
    });
}
