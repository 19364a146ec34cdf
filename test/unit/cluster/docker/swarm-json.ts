/** JSON as Docker gives it: the fields and their spelling were taken from the API of Docker 20.10 in the lab. */
import type { RawCluster } from '../../../../src/cluster/docker/raw.js';

export const ingress = { id: '4qp2bupd02ibv76ybzl0rgj6g', name: 'ingress', subnet: '10.0.0.0/24', ingress: true };
export const front = { id: 'q69cogqfnj3mw5efumvxleglo', name: 'shop_front', subnet: '10.0.1.0/24', ingress: false };
export const back = { id: 'gkg0o5ee2wdxmnu8ndzb181w2', name: 'shop_back', subnet: '10.0.2.0/24', ingress: false };
type Network = typeof ingress;

export function networkJson(network: Network, driver = 'overlay'): Record<string, unknown> {
  return {
    Name: network.name,
    Id: network.id,
    Created: '2026-11-23T04:04:55.13088201Z',
    Scope: 'swarm',
    Driver: driver,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: network.subnet, Gateway: network.subnet.replace('.0/24', '.1') }] },
    Internal: false,
    Attachable: false,
    Ingress: network.ingress,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: null,
    Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4096' },
    Labels: null,
  };
}

export function nodeJson(id: string, host: string, seen: string, more: { state?: string; manager?: string } = {}): Record<string, unknown> {
  return {
    ID: id,
    Version: { Index: 343 },
    CreatedAt: '2026-11-23T04:05:02.49411883Z',
    UpdatedAt: '2026-11-23T04:13:09.52043795Z',
    Spec: { Labels: {}, Role: more.manager === undefined ? 'worker' : 'manager', Availability: 'active' },
    Description: { Hostname: host, Platform: { Architecture: 'x86_64', OS: 'linux' }, Engine: { EngineVersion: '20.10.24+dfsg1' } },
    Status: { State: more.state ?? 'ready', Addr: seen },
    ...(more.manager === undefined ? {} : { ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: more.manager } }),
  };
}

export interface ServiceOptions {
  readonly name?: string;
  readonly labels?: Record<string, unknown>;
  readonly ports?: readonly { Protocol?: string; TargetPort?: number; PublishedPort?: number; PublishMode?: string }[];
  readonly networks?: readonly Network[];
  readonly replicas?: number;
  readonly updating?: boolean;
}

export function serviceJson(id: string, options: ServiceOptions = {}): Record<string, unknown> {
  const { name = 'web', labels = {}, ports = [], networks = [], replicas = 1, updating = false } = options;
  const addresses = networks.map((network) => ({ NetworkID: network.id, Addr: network.subnet.replace('.0/24', '.2/24') }));
  const endpoint = ports.length === 0 ? { Mode: 'vip' } : { Mode: 'vip', Ports: ports };
  return {
    ID: id,
    Version: { Index: 42 },
    CreatedAt: '2026-11-23T04:11:36.65091842Z',
    UpdatedAt: '2026-11-23T04:11:36.66819451Z',
    Spec: {
      Name: name,
      Labels: labels,
      TaskTemplate: {
        ContainerSpec: { Image: 'routemesh-test:1', Init: false },
        Networks: networks.map((network) => ({ Target: network.id })),
        ForceUpdate: 0,
        Runtime: 'container',
      },
      Mode: { Replicated: { Replicas: replicas } },
      EndpointSpec: endpoint,
    },
    Endpoint: { Spec: endpoint, ...(ports.length === 0 ? {} : { Ports: ports }), VirtualIPs: addresses },
    ...(updating ? { UpdateStatus: { State: 'updating', StartedAt: '2026-11-23T04:11:36Z', Message: 'update in progress' } } : {}),
  };
}

export interface TaskOptions {
  readonly service: string;
  readonly node: string;
  readonly slot?: number;
  readonly state?: string;
  readonly desired?: string;
  readonly attachments?: readonly (readonly [Network, string])[];
}

export function taskJson(id: string, options: TaskOptions): Record<string, unknown> {
  const { service, node, slot, state = 'running', desired = 'running', attachments = [] } = options;
  return {
    ID: id,
    Version: { Index: 406 },
    CreatedAt: '2026-11-23T04:13:18.46790721Z',
    UpdatedAt: '2026-11-23T04:13:26.54671333Z',
    Labels: {},
    Spec: { ContainerSpec: { Image: 'routemesh-test:1' }, ForceUpdate: 0 },
    ServiceID: service,
    ...(slot === undefined ? {} : { Slot: slot }),
    NodeID: node,
    Status: { Timestamp: '2026-11-23T04:13:19.68839183Z', State: state, Message: 'started', ContainerStatus: { ContainerID: 'c0ffee', PID: 449, ExitCode: 0 }, PortStatus: {} },
    DesiredState: desired,
    NetworksAttachments: attachments.map(([network, address]) => ({
      Network: {
        ID: network.id,
        Version: { Index: 6 },
        Spec: { Name: network.name, Labels: {}, DriverConfiguration: {}, ...(network.ingress ? { Ingress: true } : {}), IPAMOptions: { Driver: {} }, Scope: 'swarm' },
        DriverState: { Name: 'overlay', Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4096' } },
        IPAMOptions: { Driver: { Name: 'default' }, Configs: [{ Subnet: network.subnet }] },
      },
      Addresses: [address],
    })),
  };
}

export const alpha = nodeJson('alphaid', 'alpha', '192.168.56.11', { manager: '192.168.56.11:2377' });
export const beta = nodeJson('betaid', 'beta', '192.168.56.12');
export const tcp8080 = { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'ingress' };

export function clusterJson(parts: Partial<RawCluster>): RawCluster {
  return { services: [], tasks: [], nodes: [alpha, beta], networks: [ingress, front, back].map((network) => networkJson(network)), ...parts };
}
