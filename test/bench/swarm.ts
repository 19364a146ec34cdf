/** Services by Docker's API on the manager h1, with the time of its answer: starting the docker command costs what is measured. */
import { askDocker } from '../e2e/support/docker.js';
import { containersOf, running } from '../e2e/support/cluster.js';
import { eventually, lab, on, shell } from '../e2e/support/lab.js';
import { image } from '../e2e/support/swarm.js';
import { fromEpochRealtime } from './machine.js';
import { dockerSandbox, meshSandbox } from '../e2e/support/mesh.js';
import type { Sides } from './turns.js';
import { publishLabel, type PortMapping } from './publish-label.js';

export type Side = keyof Sides<unknown>;

export interface ServiceRequest {
  readonly name: string;
  readonly ports: readonly PortMapping[];
  readonly replicas?: number;
  /** The node of all its tasks; any when left out. */
  readonly node?: string;
  /** Docker gives it no virtual address of its own; dockerd publishes nothing without one. */
  readonly withoutVirtualAddress?: boolean;
  /** Beside those that publish. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The overlay network whose addresses are the identities of what routemesh publishes. */
const overlay = 'bench';

/** Where a side's real servers are, and on which network a task has the address by which they know it. */
export const sides: Readonly<Record<Side, { readonly sandbox: string; readonly network: string }>> = {
  routemesh: { sandbox: meshSandbox, network: overlay },
  dockerd: { sandbox: dockerSandbox, network: 'ingress' },
};

/** `routemesh`: published by a label alone, dockerd has no part in it. `dockerd`: by dockerd alone. `both`: by dockerd's publishing, which both serve. */
function publishing(side: Side | 'both', ports: readonly PortMapping[]): { Labels: Record<string, string>; Networks?: { Target: string }[]; EndpointSpec?: unknown } {
  if (side === 'routemesh') {
    return { Labels: ports.length === 0 ? {} : { 'routemesh.publish': publishLabel(ports) }, Networks: [{ Target: overlay }] };
  }
  const Ports = ports.map(({ published, target, protocol = 'tcp' }) => ({ Protocol: protocol, PublishedPort: published, TargetPort: target, PublishMode: 'ingress' }));
  return { Labels: side === 'dockerd' ? { 'routemesh.enabled': 'false' } : {}, EndpointSpec: { Ports } };
}

/** Of a service that runs. Gives when Docker's answer had come, in microseconds. */
export async function publishPorts(side: Side, name: string, ports: readonly PortMapping[]): Promise<number> {
  const { Labels, EndpointSpec } = publishing(side, ports);
  const { answeredAt } = await update(name, (spec) => ({ Labels: { ...spec.Labels, ...Labels }, ...(EndpointSpec === undefined ? {} : { EndpointSpec }) }));
  return answeredAt;
}

/** Creates it, and gives when Docker's answer had come, in microseconds. */
export async function createService(side: Side | 'both', { name, ports, replicas = 1, node, withoutVirtualAddress = false, labels = {} }: ServiceRequest): Promise<number> {
  const { Labels, Networks, EndpointSpec = withoutVirtualAddress ? { Mode: 'dnsrr' } : undefined } = publishing(side, ports);
  const specification = {
    Name: name,
    Labels: { ...Labels, ...labels },
    TaskTemplate: {
      ContainerSpec: { Image: image },
      // What is killed comes back soon, so that a round takes seconds.
      RestartPolicy: { Condition: 'any', Delay: 1e9 },
      ...(node === undefined ? {} : { Placement: { Constraints: [`node.hostname==${node}`] } }),
      ...(Networks === undefined ? {} : { Networks }),
    },
    Mode: { Replicated: { Replicas: replicas } },
    ...(EndpointSpec === undefined ? {} : { EndpointSpec }),
  };
  return (await post('/services/create', specification)).answeredAt;
}

interface ServiceDetails {
  readonly Version: { readonly Index: number };
  readonly UpdatedAt: string;
  readonly Spec: { readonly Labels: Readonly<Record<string, string>>; readonly Mode: { readonly Replicated: { readonly Replicas: number } } };
}

/** Gives Docker's own timestamp of the change. */
export async function scale(name: string, replicas: number): Promise<string> {
  await update(name, () => ({ Mode: { Replicated: { Replicas: replicas } } }));
  return (await askDocker<ServiceDetails>('h1', `/services/${name}`)).UpdatedAt;
}

/** Of the service; its tasks stay as they are. */
export async function label(name: string, key: string, value: string): Promise<void> {
  await update(name, ({ Labels }) => ({ Labels: { ...Labels, [key]: value } }));
}

async function update(name: string, change: (spec: ServiceDetails['Spec']) => Partial<ServiceDetails['Spec']> & { readonly EndpointSpec?: unknown }): Promise<{ readonly answeredAt: number }> {
  const { Version, Spec } = await askDocker<ServiceDetails>('h1', `/services/${name}`);
  return await post(`/services/${name}/update?version=${Version.Index}`, { ...Spec, ...change(Spec) });
}

export interface BenchTask {
  readonly id: string;
  readonly state: string;
  readonly desired: string;
  /** Docker's, of its state. */
  readonly timestamp: string;
  /** On the side's network. */
  readonly address: string;
}

interface TaskDetails {
  readonly ID: string;
  readonly DesiredState: string;
  readonly Status: { readonly State: string; readonly Timestamp: string };
  readonly NetworksAttachments?: readonly { readonly Network: { readonly Spec: { readonly Name: string } }; readonly Addresses?: readonly string[] }[];
}

export async function tasksOf(side: Side, name: string): Promise<BenchTask[]> {
  const tasks = await askDocker<readonly TaskDetails[]>('h1', '/tasks', { service: [name] });
  return tasks.map(({ ID: id, DesiredState: desired, Status: { State: state, Timestamp: timestamp }, NetworksAttachments: networks = [] }) => {
    const address = networks.find(({ Network: { Spec } }) => Spec.Name === sides[side].network)?.Addresses?.[0] ?? '';
    return { id, desired, state, timestamp, address: address.replace(/\/.*/, '') };
  });
}

/** Waits until exactly so many tasks run and no other is on its way up, and gives them. */
export async function runningTasks(side: Side, name: string, count: number): Promise<BenchTask[]> {
  return await eventually(async () => {
    const wanted = (await tasksOf(side, name)).filter(({ desired }) => desired === 'running' || desired === 'ready');
    const running = wanted.filter(({ state }) => state === 'running');
    if (running.length !== count || wanted.length !== count) throw new Error(`${running.length} of ${wanted.length} tasks of ${name} run, expected ${count}`);
    return running;
  }, 300_000);
}

/** Removes services, and waits until nothing of them is left: no container, and no rule of dockerd's for their ports. */
export async function removeServices(nodes: readonly string[], names: readonly string[]): Promise<void> {
  for (const name of names) await shell('h1', `/run/lab/bin/ask --method DELETE --timeout 60 --socket /run/docker.sock /services/${name} || true`);
  await eventually(async () => {
    for (const name of names) {
      const left = Object.values(await containersOf(name, nodes)).flat();
      if (left.length > 0) throw new Error(`${name} still has ${left.length} containers`);
    }
  }, 900_000);
}

/** dockerd's rules of published ports, one for each port in each place: the host's first, then the sandbox's. */
const dockerdRules: Readonly<Record<string, string>> = {
  'the host': 'iptables -t nat -S DOCKER-INGRESS',
  'ingress_sbox': 'nsenter --net=/run/docker/netns/ingress_sbox iptables -t mangle -S PREROUTING',
};

/** Waits until dockerd has so many ports' rules: it makes and takes them one by one, long after the containers are there or gone. */
export async function dockerdPublishes(nodes: readonly string[], count: number): Promise<void> {
  await eventually(async () => {
    for (const node of nodes) {
      for (const [place, list] of Object.entries(dockerdRules)) {
        const found = Number(await shell(node, `${list} | grep -c -e --dport || true`));
        if (found !== count) throw new Error(`dockerd publishes ${found} ports in ${place} of ${node}, expected ${count}`);
      }
    }
  }, 900_000);
}

/** Its tasks do nothing but be on the overlay of every node, as a task of something else mostly is, and as dockerd's ingress network always is. */
const resident = 'bench-resident';

export async function makeOverlay(nodes: readonly string[]): Promise<void> {
  if (!(await on('h1')('docker', 'network', 'ls', '--format', '{{.Name}}')).split('\n').includes(overlay)) {
    await on('h1')('docker', 'network', 'create', '--driver', 'overlay', '--subnet', '10.60.0.0/20', overlay);
  }
  if (!(await on('h1')('docker', 'service', 'ls', '--format', '{{.Name}}')).split('\n').includes(resident)) {
    await on('h1')('docker', 'service', 'create', '--detach', '--no-resolve-image', '--quiet', '--mode', 'global', '--name', resident, '--network', overlay, image);
  }
  await running(resident, Object.fromEntries(nodes.map((node) => [node, 1])));
}

/** Docker takes a network away only once its last task has left it on every node. */
export async function removeOverlay(nodes: readonly string[]): Promise<void> {
  await removeServices(nodes, [resident]);
  await eventually(() => on('h1')('docker', 'network', 'rm', overlay));
}

async function post(path: string, body: unknown): Promise<{ readonly answeredAt: number }> {
  const curl = `curl -sS --fail-with-body --max-time 60 --unix-socket /run/docker.sock -H 'Content-Type: application/json' -d @- '${new URL(path, 'http://docker').href}'`;
  const output = await lab(['exec', 'h1', 'bash', '--norc', '-c', `${curl} >/tmp/answer || { cat /tmp/answer >&2; exit 1; }; echo $EPOCHREALTIME`], JSON.stringify(body));
  return { answeredAt: fromEpochRealtime(output) };
}
