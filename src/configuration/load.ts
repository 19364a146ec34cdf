/**
 * Settings from flags > environment > configuration file > defaults.
 *
 * Each layer is checked by itself, so that a message names the flag, the variable or the line that is wrong, even when
 * a stronger layer hides it: a broken file is better found now than on the day the flag is dropped.
 */
import { quoteForPeople } from '../cluster/condition.js';
import { defaultSettings, type Settings } from '../settings.js';
import { didYouMean } from './did-you-mean.js';
import { ConfigurationError } from './error.js';
import { readConfigurationFile } from './file.js';
import { configurationKeys, configurationSchemas, flagOf, variableOf, type Configuration, type ConfigurationKey } from './options.js';

export const defaultConfigurationPath = '/etc/routemesh/config.yaml';

export interface ConfigurationInputs {
  /** By key, as the command line gave them. */
  readonly flags: Readonly<Partial<Record<ConfigurationKey, string>>>;
  readonly environment: NodeJS.ProcessEnv;
  /** `--config`; it must exist then. Undefined: `ROUTEMESH_CONFIG`, else the default path, which may be missing. */
  readonly configurationPath: string | undefined;
}

type Layer = Partial<Configuration>;

/** Rejects with ConfigurationError, which lists everything that is wrong. */
export async function loadSettings(inputs: ConfigurationInputs): Promise<Settings> {
  const problems: string[] = [];
  const file = await fileLayer(inputs, problems);
  const environment = environmentLayer(inputs.environment, problems);
  const flags = checkLayer(inputs.flags, problems, flagOf, () => '');
  const merged: Layer = { ...file, ...environment, ...flags };
  if (problems.length === 0) problems.push(...contradictions(merged));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return toSettings(merged);
}

async function fileLayer(inputs: ConfigurationInputs, problems: string[]): Promise<Layer> {
  const chosen = inputs.configurationPath ?? nonEmpty(inputs.environment.ROUTEMESH_CONFIG);
  const path = chosen ?? defaultConfigurationPath;
  const file = await readConfigurationFile(path);
  if (file === null) {
    if (chosen !== undefined) throw new ConfigurationError([`There is no configuration file ${path}. Write one, or leave out ${inputs.configurationPath === undefined ? 'ROUTEMESH_CONFIG' : '--config'} to use the defaults.`]);
    return {};
  }
  return checkLayer(file.values, problems, (key) => key, (key) => `${file.place(key)}: `);
}

function environmentLayer(environment: NodeJS.ProcessEnv, problems: string[]): Layer {
  const values: Record<string, string> = {};
  const known = configurationKeys.map(variableOf);
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('ROUTEMESH_')) continue;
    const key = configurationKeys.find((candidate) => variableOf(candidate) === variable);
    if (key !== undefined) {
      // A variable set to nothing is how unit files and compose files say "not set".
      if (value !== undefined && value !== '') values[key] = value;
    } else if (variable !== 'ROUTEMESH_CONFIG') {
      // Only what looks like a slip: wrappers and container platforms set variables of such names for themselves.
      const suggestion = didYouMean(variable, known);
      if (suggestion !== '') problems.push(`Unknown environment variable ${variable}.${suggestion}`);
    }
  }
  return checkLayer(values, problems, variableOf, () => '');
}

/** What of a layer is right; what is wrong becomes problems. */
function checkLayer(values: Readonly<Record<string, unknown>>, problems: string[], nameOf: (key: ConfigurationKey) => string, placeOf: (key: string) => string): Layer {
  const layer: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === null) continue;
    if (!isKey(key)) {
      problems.push(`${placeOf(key)}Unknown key ${quoteForPeople(key)}.${didYouMean(key, configurationKeys) || ` Known are ${configurationKeys.join(', ')}.`}`);
      continue;
    }
    const parsed = configurationSchemas[key].parse(value);
    if ('expected' in parsed) problems.push(`${placeOf(key)}Expected \`${nameOf(key)}\` to be ${parsed.expected}, got ${printed(value)}.`);
    else layer[key] = parsed.accepted;
  }
  return layer;
}

function isKey(key: string): key is ConfigurationKey {
  return (configurationKeys as readonly string[]).includes(key);
}

/** What each setting by itself can't see. */
function contradictions(merged: Layer): string[] {
  const problems: string[] = [];
  if (merged.source === 'file' && merged.clusterFile === undefined) {
    problems.push('The source is file, but no file is named. Give its path with --cluster-file, ROUTEMESH_CLUSTER_FILE or the key clusterFile.');
  }
  if (merged.source === 'docker' && merged.clusterFile !== undefined) {
    problems.push('The source is docker, but clusterFile is given too. Leave out one of them.');
  }
  const ownCertificates = [merged.relayCertificate, merged.relayKey, merged.relayAuthority];
  if (ownCertificates.some((path) => path !== undefined) && ownCertificates.includes(undefined)) {
    problems.push('Expected relayCertificate, relayKey and relayAuthority together: a certificate, its key, and the authority that signed it.');
  }
  const settings = toSettings(merged);
  const { sandbox, fabric } = settings.names;
  if (sandbox === fabric) problems.push(`Expected sandbox and fabric to have different names, got ${quoteForPeople(sandbox)} for both.`);
  return problems;
}

function toSettings(merged: Layer): Settings {
  const { names } = defaultSettings;
  return {
    source: toSource(merged),
    node: merged.node ?? defaultSettings.node,
    names: {
      sandbox: merged.sandbox ?? names.sandbox,
      fabric: merged.fabric ?? names.fabric,
      gatewayBridge: merged.gatewayBridge ?? names.gatewayBridge,
      chain: merged.chain ?? names.chain,
    },
    gatewaySubnet: merged.gatewaySubnet ?? defaultSettings.gatewaySubnet,
    reservedPorts: toReservedPorts(merged),
    setsFrom: merged.setsFrom === undefined ? defaultSettings.setsFrom : merged.setsFrom === 'never' ? null : merged.setsFrom,
    swarmSocket: merged.swarmSocket ?? defaultSettings.swarmSocket,
    resyncMilliseconds: merged.resync ?? defaultSettings.resyncMilliseconds,
    peerTimeoutMilliseconds: merged.peerTimeout ?? defaultSettings.peerTimeoutMilliseconds,
    stateFolder: merged.stateFolder ?? defaultSettings.stateFolder,
    controlSocket: merged.controlSocket ?? defaultSettings.controlSocket,
    ui: merged.ui ?? defaultSettings.ui,
    relay: toRelay(merged),
    metrics: merged.metrics ?? defaultSettings.metrics,
    log: { level: merged.logLevel ?? defaultSettings.log.level, format: merged.logFormat ?? defaultSettings.log.format },
  };
}

/** Where the controller itself listens, no service is to be found. */
function toReservedPorts({ reservedPorts = defaultSettings.reservedPorts, metrics, ui }: Layer): readonly string[] {
  const own = [metrics, ui].flatMap((listening) => (listening === undefined ? [] : [`tcp/${listening.port}`]));
  return [...new Set([...reservedPorts, ...own])];
}

function toRelay({ relayPort, relayAddress, relayCertificate, relayKey, relayAuthority }: Layer): Settings['relay'] {
  const own = relayCertificate !== undefined && relayKey !== undefined && relayAuthority !== undefined;
  return {
    port: relayPort ?? defaultSettings.relay.port,
    address: relayAddress ?? defaultSettings.relay.address,
    certificates: own ? { certificate: relayCertificate, key: relayKey, authority: relayAuthority } : null,
  };
}

function toSource(merged: Layer): Settings['source'] {
  if (merged.clusterFile !== undefined) return { kind: 'file', path: merged.clusterFile };
  if (merged.dockerSocket !== undefined) return { kind: 'docker', socket: merged.dockerSocket };
  return defaultSettings.source;
}

function printed(value: unknown): string {
  return typeof value === 'string' ? quoteForPeople(value) : quoteForPeople(JSON.stringify(value) ?? String(value)).slice(1, -1).replaceAll('\\"', '"');
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
