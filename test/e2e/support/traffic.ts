/** Requests to published ports, and what the task that answered saw. */
import { on } from './lab.js';

const program = '/run/lab/bin/ask';

export interface Answer {
  /** Host name of the task: its container's id. */
  readonly server: string;
  /** The client's address as the task saw it. */
  readonly client: string;
}

/** Asks `times` times, one connection each, from a node or the client. A request that fails is an error. */
export async function ask(from: string, url: string, times = 1): Promise<Answer[]> {
  return answersIn(await on(from)(program, '--times', String(times), `${url}/who`));
}

/** The same from inside of a task's network namespace. */
export async function askFromTask(node: string, pid: string, url: string, times = 1): Promise<Answer[]> {
  return answersIn(await on(node)('nsenter', `--net=/proc/${pid}/ns/net`, program, '--times', String(times), `${url}/who`));
}

/** One datagram with an answer, from a port of its own. Fails when no answer comes within 3 s. */
export async function askByUdp(from: string, address: string, port: number, times = 1): Promise<Answer[]> {
  return answersIn(await on(from)(program, '--times', String(times), '--timeout', '3', `udp://${address}:${port}`));
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
