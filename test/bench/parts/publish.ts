/**
 * Publishing: one service with 1, 10, 50, 100 ports. From the API's answer until every port has answered on every node,
 * asked by test/tools/probe.c from the client. Docker says when the task itself began to run: what comes after it is the
 * mesh's share.
 */
import { addressOf } from '../../e2e/support/cluster.js';
import { background } from '../../e2e/support/lab.js';
import { microseconds } from '../ipvs-events.js';
import { summaries, type PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import { createService, dockerdPublishes, removeServices, runningTasks, type Side } from '../swarm.js';
import { alternate } from '../turns.js';

const service = 'bench-publish';
const firstPort = 8000;
/** From so many ports on a turn of dockerd's takes ten minutes and more on an emulated machine, half of it for taking its rules away again. */
const manyPorts = 50;
const roundsOfMany = 1;
/** dockerd took over five minutes for 100 ports. */
const patienceSeconds = 1800;

/** Microseconds since 1970. */
interface Times {
  readonly answered: number;
  readonly running: number;
  readonly served: number;
}

interface ProbeReport {
  readonly missing: number;
  readonly last_us: number;
}

export async function* publish({ nodes, small, rounds, tell }: PartContext): AsyncGenerator<readonly Figure[]> {
  for (const ports of small ? [1] : [1, 10, 50, 100]) {
    const turns = ports < manyPorts ? rounds : Math.min(rounds, roundsOfMany);
    const times = await alternate(turns, async (side, round) => {
      const sample = await once(nodes, side, ports);
      tell(`publish: ${ports} ports by ${side}, round ${round} of ${turns}: ${seconds(sample.answered, sample.served).toFixed(2)} s, ${seconds(sample.answered, sample.running).toFixed(2)} s of it until the task runs`);
      return sample;
    });
    const described = { group: ports === 1 ? '1 port' : `${ports} ports`, unit: 's', better: 'lower', at: { ports } } as const;
    yield [
      figure({ ...described, what: 'every port answers on every node' }, ...summaries(times, ({ answered, served }) => seconds(answered, served))),
      figure({ ...described, what: '… of it until the task runs' }, ...summaries(times, ({ answered, running }) => seconds(answered, running))),
      figure({ ...described, what: '… and from there on, the mesh' }, ...summaries(times, ({ running, served }) => seconds(running, served))),
    ];
  }
}

async function once(nodes: readonly string[], side: Side, count: number): Promise<Times> {
  const ports = Array.from({ length: count }, (_, index) => ({ published: firstPort + index, target: 80 }));
  const addresses = nodes.flatMap((node) => ['--address', addressOf(node)]);
  const probe = background('client', '/run/lab/bin/probe', ...addresses, '--seconds', String(patienceSeconds), '--ports', `${firstPort}-${firstPort + count - 1}`);
  try {
    const answered = await createService(side, { name: service, ports });
    const { stdout, stderr } = await probe.output;
    const report = JSON.parse(stdout || '{}') as Partial<ProbeReport>;
    if (report.missing !== 0 || report.last_us === undefined) throw new Error(`${side} published ${count} ports, and ${report.missing ?? 'all'} never answered: ${stderr}`);
    const [task] = await runningTasks(side, service, 1);
    return { answered, running: microseconds(task?.timestamp ?? ''), served: report.last_us };
  } finally {
    probe.stop();
    await removeServices(nodes, [service]);
    // dockerd takes its rules away one by one, too: the next turn must not meet it at that.
    await dockerdPublishes(nodes, 0);
  }
}

function seconds(from: number, to: number): number {
  return (to - from) / 1e6;
}
