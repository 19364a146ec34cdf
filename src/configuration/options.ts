/**
 * Every setting once: its key in the file, from which flag (`--gateway-subnet`) and environment variable
 * (`ROUTEMESH_GATEWAY_SUBNET`) follow, what it may be, what it is for.
 */
import { logFormats, logLevels } from '../log.js';
import { defaultSettings } from '../settings.js';
import { oneOf, type Schema } from './schema.js';
import { absolutePath, chainName, duration, gatewaySubnet, hostName, interfaceName, ipv4Address, listenAddress, portCount, portList, portNumber, shortDuration, socketPath, uiAddress } from './values.js';

/** Keys of the configuration file; a layer (flags, environment, file) holds some of them. */
export const configurationSchemas = {
  source: oneOf(['docker', 'file']),
  dockerSocket: socketPath,
  swarmSocket: socketPath,
  clusterFile: absolutePath,
  node: hostName,
  gatewaySubnet,
  gatewayBridge: interfaceName,
  sandbox: interfaceName,
  fabric: interfaceName,
  chain: chainName,
  reservedPorts: portList,
  setsFrom: portCount,
  resync: duration,
  peerTimeout: shortDuration,
  stateFolder: absolutePath,
  controlSocket: socketPath,
  ui: uiAddress,
  relayPort: portNumber,
  relayAddress: ipv4Address,
  relayCertificate: absolutePath,
  relayKey: absolutePath,
  relayAuthority: absolutePath,
  metrics: listenAddress,
  logLevel: oneOf(logLevels),
  logFormat: oneOf(logFormats),
};

export type ConfigurationKey = keyof typeof configurationSchemas;
export type Configuration = { readonly [Key in ConfigurationKey]: (typeof configurationSchemas)[Key] extends Schema<infer Value> ? Value : never };

export interface OptionDescription {
  /** Stands for the value in the help: `--resync DURATION`. */
  readonly placeholder: string;
  readonly help: string;
  /** As a person would write it; null: none. */
  readonly default: string | null;
}

const names = defaultSettings.names;

export const optionDescriptions: Readonly<Record<ConfigurationKey, OptionDescription>> = {
  source: { placeholder: 'docker|file', help: 'where the services come from', default: 'docker, or file where clusterFile is given' },
  dockerSocket: { placeholder: 'PATH', help: "unix socket of this node's dockerd", default: '/var/run/docker.sock' },
  swarmSocket: { placeholder: 'PATH', help: "unix socket on which a manager's dockerd tells changes of tasks", default: defaultSettings.swarmSocket },
  clusterFile: { placeholder: 'PATH', help: 'YAML file of nodes, services and endpoints, or a folder of them', default: null },
  node: { placeholder: 'NAME', help: 'which node of the cluster file this is', default: 'the host name' },
  gatewaySubnet: { placeholder: 'CIDR', help: 'subnet between host and sandbox', default: defaultSettings.gatewaySubnet },
  gatewayBridge: { placeholder: 'NAME', help: 'bridge between host and sandbox', default: names.gatewayBridge },
  sandbox: { placeholder: 'NAME', help: 'network namespace of IPVS', default: names.sandbox },
  fabric: { placeholder: 'NAME', help: 'network namespace of the router to the tasks', default: names.fabric },
  chain: { placeholder: 'NAME', help: "iptables chain in the host's nat and filter tables", default: names.chain },
  reservedPorts: { placeholder: 'LIST', help: 'ports never taken from the node', default: defaultSettings.reservedPorts.join(',') },
  setsFrom: { placeholder: 'NUMBER|never', help: 'published ports from which on rules match by sets instead of one by one', default: String(defaultSettings.setsFrom) },
  resync: { placeholder: 'DURATION', help: 'full look at the kernel when nothing happens', default: '10s' },
  peerTimeout: { placeholder: 'DURATION', help: 'silence after which a peer gets no new connections', default: '1s' },
  stateFolder: { placeholder: 'PATH', help: 'what must outlive a restart', default: defaultSettings.stateFolder },
  controlSocket: { placeholder: 'PATH', help: 'unix socket that `status` asks', default: defaultSettings.controlSocket },
  ui: { placeholder: 'ADDRESS:PORT', help: 'serve the page that draws the mesh; it has no password, so rather 127.0.0.1 than another address', default: null },
  relayPort: { placeholder: 'PORT', help: 'TCP port on which managers tell other nodes; the same on all', default: String(defaultSettings.relay.port) },
  relayAddress: { placeholder: 'ADDRESS', help: 'IPv4 address on which a manager serves the relay', default: 'the one by which Swarm knows the node' },
  relayCertificate: { placeholder: 'PATH', help: "PEM certificate of this node instead of Swarm's", default: "Swarm's" },
  relayKey: { placeholder: 'PATH', help: 'PEM key of relayCertificate', default: "Swarm's" },
  relayAuthority: { placeholder: 'PATH', help: "PEM authority that signed every node's relayCertificate", default: "Swarm's" },
  metrics: { placeholder: 'ADDRESS:PORT', help: 'serve /metrics, /healthz and /readyz over TCP too; a port alone is on loopback', default: 'off' },
  logLevel: { placeholder: logLevels.join('|'), help: 'least important lines to log', default: defaultSettings.log.level },
  logFormat: { placeholder: logFormats.join('|'), help: 'auto: pretty on a terminal, else JSON', default: defaultSettings.log.format },
};

export const configurationKeys = Object.keys(optionDescriptions) as ConfigurationKey[];

/** gatewaySubnet → gateway-subnet */
function words(key: string, glue: string): string {
  return key.replace(/[A-Z]/g, (capital) => `${glue}${capital.toLowerCase()}`);
}

/** gatewaySubnet → --gateway-subnet */
export function flagOf(key: ConfigurationKey): string {
  return `--${words(key, '-')}`;
}

/** gatewaySubnet → ROUTEMESH_GATEWAY_SUBNET */
export function variableOf(key: ConfigurationKey): string {
  return `ROUTEMESH_${words(key, '_').toUpperCase()}`;
}
