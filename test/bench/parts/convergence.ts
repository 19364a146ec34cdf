/**
 * Convergence: from Docker's own timestamp of a task, or of its container's end, until the IPVS of every node has taken it
 * in or out, seen by test/tools/watch-ipvs.c for both meshes alike. A round scales a service up, kills containers of it, and
 * scales it down.
 */
import { containersOf, everywhere, startMeshes } from '../../e2e/support/cluster.js';
import { askDocker } from '../../e2e/support/docker.js';
import { eventually, shell } from '../../e2e/support/lab.js';
import { stopMesh } from '../../e2e/support/mesh.js';
import { microseconds, parseEvents, takenInAt, takenOutAt, type IpvsEvent } from '../ipvs-events.js';
import { vm } from '../machine.js';
import { summaries, type PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import { percentile } from '../statistics.js';
import { createService, dockerdPublishes, removeServices, runningTasks, scale, sides, tasksOf, type BenchTask, type Side } from '../swarm.js';
import { tidied } from '../tidied.js';
import { alternate } from '../turns.js';
import { counted } from '../words.js';

const events = ['started', 'killed', 'scaled down'] as const;
type Happening = (typeof events)[number];
/** Milliseconds from Docker's timestamp; negative where the mesh was there before it. */
type Delays = Record<Happening, number[]>;

const whatOf: Readonly<Record<Happening, string>> = {
  started: 'a task runs → every node sends to it',
  killed: 'a container has died → no node sends to it',
  'scaled down': 'the service is scaled down → no node sends to the task',
};

const ports: Readonly<Record<Side, number>> = { routemesh: 8080, dockerd: 8180 };
const nameOf = (side: Side): string => `bench-${side}`;
const bystandersAtOnce = 2;
const bystanders = (count: number): string[] => Array.from({ length: count }, (_, index) => `bench-beside-${index + 1}`);

export async function* convergence(context: PartContext): AsyncGenerator<readonly Figure[]> {
  for (const services of new Set([1, context.services])) yield await withServices(context, services);
}

/** Beside the one that is measured, services that dockerd publishes: both meshes serve them. */
async function withServices({ nodes, rounds, small, tell }: PartContext, services: number): Promise<Figure[]> {
  const beside = bystanders(services - 1);
  const measured = (['routemesh', 'dockerd'] as const).map(nameOf);
  return await tidied(async () => {
    if (beside.length > 0) {
      await createBystanders(nodes, beside);
      tell(`convergence: ${beside.length} other services run`);
    }
    for (const side of ['routemesh', 'dockerd'] as const) {
      await createService(side, { name: nameOf(side), ports: [{ published: ports[side], target: 80 }] });
      await runningTasks(side, nameOf(side), 1);
    }
    await dockerdPublishes(nodes, beside.length + 1);

    const turn = async (side: Side, which: string): Promise<Delays> => {
      const found = await once(nodes, side, small ? 2 : 4);
      tell(`convergence: ${counted(services, 'service')}, ${side}, ${which}: ${events.map((event) => `${event} ${found[event].map((delay) => delay.toFixed(0)).join(', ')} ms`).join('; ')}`);
      return found;
    };
    // What a program does for the first time takes it several times as long; the controllers have just been started.
    if (!small) for (const side of ['dockerd', 'routemesh'] as const) await turn(side, 'not counted');
    const delays = await alternate(rounds, (side, round) => turn(side, `round ${round} of ${rounds}`));
    return events.flatMap((event) => {
      const all = { routemesh: delays.routemesh.flatMap((found) => found[event]), dockerd: delays.dockerd.flatMap((found) => found[event]) };
      const described = { group: counted(services, 'service'), unit: 'ms', better: 'lower', at: { services } } as const;
      return ([['p50', 0.5], ['p99', 0.99]] as const).map(([word, fraction]) =>
        figure({ ...described, what: `${whatOf[event]}, ${word}` }, ...summaries(all, (delay) => delay, (samples) => percentile(samples, fraction))),
      );
    });
  }, async () => {
    await removeServices(nodes, [...measured, ...beside]);
    await dockerdPublishes(nodes, 0);
  });
}

/** Without our controllers, which would look at each of them as it comes; they take all of them in when they start again. */
async function createBystanders(nodes: readonly string[], names: readonly string[]): Promise<void> {
  await everywhere((node) => stopMesh(node), nodes);
  const entries = [...names.entries()];
  // Few at once: many keep an emulated Swarm from its heartbeats, its nodes count as down, and all begins anew.
  while (entries.length > 0) {
    await Promise.all(entries.splice(0, bystandersAtOnce).map(async ([index, name]) => {
      await createService('both', { name, ports: [{ published: 9000 + index, target: 80 }] });
      await runningTasks('dockerd', name, 1);
    }));
  }
  await dockerdPublishes(nodes, names.length);
  await startMeshes(nodes);
}

async function once(nodes: readonly string[], side: Side, most: number): Promise<Delays> {
  const name = nameOf(side);
  const before = await runningTasks(side, name, 1);
  const watch = await watchIpvs(nodes, sides[side].sandbox, before[0]?.address ?? '');
  return await tidied(async () => {
    await scale(name, most);
    const scaled = await runningTasks(side, name, most);
    const began = await delaysOf(watch, newIn(scaled, before), (seen, address) => takenInAt(seen, address, nodes));

    const deaths = await killOneOnEach(nodes, name);
    const ended = await eventually(async () => {
      const failed = (await tasksOf(side, name)).flatMap((task) => {
        const timestamp = task.state === 'failed' ? deaths.get(task.id) : undefined;
        return timestamp === undefined ? [] : [{ ...task, timestamp }];
      });
      if (failed.length < deaths.size) throw new Error(`Swarm has seen the end of ${failed.length} tasks of ${name}, ${deaths.size} were killed`);
      return failed;
    });
    const killed = await delaysOf(watch, ended, (seen, address) => takenOutAt(seen, address, nodes));
    const healed = await runningTasks(side, name, most);
    const again = await delaysOf(watch, newIn(healed, scaled), (seen, address) => takenInAt(seen, address, nodes));

    const timestamp = await scale(name, 1);
    const left = await runningTasks(side, name, 1);
    const removed = newIn(healed, left).map((task) => ({ ...task, timestamp }));
    const gone = await delaysOf(watch, removed, (seen, address) => takenOutAt(seen, address, nodes));
    return { started: [...began, ...again], killed, 'scaled down': gone };
  }, () => watch.stop());
}

function newIn(tasks: readonly BenchTask[], before: readonly BenchTask[]): BenchTask[] {
  return tasks.filter(({ id }) => !before.some((task) => task.id === id));
}

/** Waits until every node has taken notice of each of the tasks. */
function delaysOf(watch: Watch, tasks: readonly BenchTask[], noticedAt: (seen: readonly IpvsEvent[], address: string) => number | null): Promise<number[]> {
  return eventually(async () => {
    const seen = await watch.events();
    return tasks.map(({ address, timestamp }) => {
      const at = noticedAt(seen, address);
      if (at === null) throw new Error(`not every node has noticed what became of ${address}`);
      return (at - microseconds(timestamp)) / 1000;
    });
  }, 120_000);
}

/** SIGKILL, as a crash: nobody is told before. Gives when each container ended, by its own Docker; by task id. */
async function killOneOnEach(nodes: readonly string[], name: string): Promise<ReadonlyMap<string, string>> {
  const first = Object.entries(await containersOf(name, nodes)).flatMap(([node, [id]]) => (id === undefined ? [] : [{ node, id }]));
  await Promise.all(first.map(({ node, id }) => shell(node, `/run/lab/bin/ask --method POST --timeout 60 --socket /run/docker.sock /containers/${id}/kill`)));
  return new Map(await Promise.all(first.map(({ node, id }) => eventually(async () => {
    const { Config: { Labels }, State } = await askDocker<ContainerDetails>(node, `/containers/${id}/json`);
    if (State.Running) throw new Error(`container ${id} on ${node} has not ended yet`);
    return [Labels['com.docker.swarm.task.id'] ?? '', State.FinishedAt] as const;
  }))));
}

interface ContainerDetails {
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly State: { readonly Running: boolean; readonly FinishedAt: string };
}

interface Watch {
  events(): Promise<IpvsEvent[]>;
  stop(): Promise<void>;
}

/** One watcher in the virtual machine for all nodes, of the service that has this real server. */
async function watchIpvs(nodes: readonly string[], namespace: string, address: string): Promise<Watch> {
  const places = nodes.map((node) => `${node}=/proc/$(cat /run/lab/${node}/pid)/root${namespace}`).join(' ');
  const file = '/run/lab/watch-ipvs';
  await vm(`setsid /run/lab/bin/watch-ipvs ${address} ${places} >${file}.out 2>${file}.err </dev/null & echo $! >${file}.pid
    for i in {1..300}; do grep -q watching ${file}.out && exit 0; sleep 0.1; done; cat ${file}.err >&2; exit 1`);
  return {
    events: async () => parseEvents(await vm(`cat ${file}.out`)),
    stop: async () => void (await vm(`kill $(cat ${file}.pid); rm -f ${file}.*`)),
  };
}
