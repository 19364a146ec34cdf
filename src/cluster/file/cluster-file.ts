/** A YAML text to the ClusterState. Pure; docs/file-source.md describes the format. */
import { isIPv4, isIPv6 } from 'node:net';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node as YamlNode, type Pair, type YAMLMap } from 'yaml';
import { quoteForPeople } from '../condition.js';
import { didYouMean } from '../../configuration/did-you-mean.js';
import {
  asConditions, policyOfPort, problemsOfOverrides, problemsOfUdp, readServicePolicy, type PolicyEntry, type PortScope, type Problem,
} from '../policy-grammar/service-policy.js';
import { parsePort, parseWhole } from '../policy-grammar/values.js';
import { policyKeys } from '../policy-grammar/keys.js';
import type { Condition } from '../condition.js';
import { byId } from '../sorting.js';
import { protocols, type ClusterNode, type ClusterState, type Identity, type Service, type Task } from '../state.js';
import { isNamespace, namespaceExpectation } from './namespace.js';

/** The file can't be served as a whole; the last good state stays. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
  constructor(readonly path: string, readonly line: number, readonly column: number, readonly problem: string, options?: ErrorOptions) {
    super(`${path}:${line}:${column}: ${problem}`, options);
  }
}

/** Throws ClusterFileError with line and column for what makes no state; a policy that is refused becomes a condition. */
export function parseClusterFile(text: string, path: string): ClusterState {
  return new ClusterFileReader(text, path).read();
}

class ClusterFileReader {
  private readonly lines = new LineCounter();

  constructor(private readonly text: string, private readonly path: string) {}

  read(): ClusterState {
    const document = parseDocument(this.text, { lineCounter: this.lines, uniqueKeys: true, strict: true, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) this.fail(error.pos[0], error.message);
    if (document.contents === null) this.fail(0, 'the file is empty; expected nodes and services');
    // A YAML text that is cut off is often a smaller YAML text: serving it would drop endpoints.
    if (!this.text.endsWith('\n')) this.fail(this.text.length, 'expected a newline at the end; the file seems to be half written');
    const top = this.map(document.contents, 'the file', ['nodes', 'services']);
    if (!top.has('services')) this.fail(0, 'expected services; write services: {} if there are none');
    const nodes = this.nodes(top.get('nodes'));
    const services: Service[] = [];
    const tasks: Task[] = [];
    const conditions: Condition[] = [];
    for (const [name, value] of this.pairs(top.get('services'), 'services')) {
      const read = this.service(name, value, nodes);
      if (read.service.ports.length > 0) services.push(read.service);
      tasks.push(...read.tasks);
      conditions.push(...read.conditions);
    }
    this.refuseSharedAddresses();
    return { nodes: [...nodes.values()].sort(byId), services: services.sort(byId), tasks: tasks.sort(byId), conditions };
  }

  /** `alpha: 192.168.56.11` */
  private nodes(value: YamlNode | undefined): Map<string, ClusterNode> {
    const nodes = new Map<string, ClusterNode>();
    for (const [name, address] of this.pairs(value, 'nodes')) {
      const text = this.scalar(address, `nodes.${name.text}`);
      if (!isIPv4(text)) this.fail(this.offsetOf(address, name), `expected the node's IPv4 address, such as 192.168.56.11, got ${quoteForPeople(text)}`);
      nodes.set(name.text, { id: name.text, name: name.text, address: text, ready: true });
    }
    if (nodes.size === 0) this.fail(this.offsetOf(value), 'expected at least one node, such as nodes: { alpha: 192.168.56.11 }');
    return nodes;
  }

  private service(name: Name, value: YamlNode | null, nodes: ReadonlyMap<string, ClusterNode>): { service: Service; tasks: Task[]; conditions: Condition[] } {
    const where = `services.${name.text}`;
    if (!isMap(value)) this.fail(this.offsetOf(value, name), `expected ${where} to be a map with publish and endpoints`);
    const entries: PolicyEntry[] = [];
    const problems: Problem[] = [];
    let endpoints: YamlNode | null | undefined;
    for (const [key, item] of this.pairs(value, where)) {
      if (key.text === 'endpoints') endpoints = item;
      else if (key.text === 'ports') entries.push(...this.portEntries(item, where, problems));
      else entries.push(this.entry(null, key, item, where));
    }
    if (endpoints === undefined) this.fail(name.offset, `expected endpoints in ${where}; write endpoints: [] if there are none`);
    const policy = readServicePolicy(entries, problems);
    const allProblems = [...policy.problems, ...problemsOfOverrides(policy, policy.publish), ...problemsOfUdp(policy, policy.publish)];
    const id = name.text;
    const ports = policy.enabled
      ? policy.publish.flatMap((mapping) => {
          const portPolicy = policyOfPort(policy, mapping.protocol, mapping.published);
          return portPolicy === null ? [] : [{ ...mapping, publishedBy: 'file' as const, policy: portPolicy }];
        })
      : [];
    const tasks = this.endpoints(endpoints, id, nodes, name);
    return {
      // A file knows no creation times; of two services that want one port, the plan takes the first by id.
      service: { id, name: id, createdAt: '1970-01-01T00:00:00Z', ports },
      tasks: ports.length === 0 ? [] : tasks,
      conditions: asConditions(allProblems, { kind: 'service', id, name: id }),
    };
  }

  /** `ports: { 8080/tcp: { drain: 10s } }` */
  private portEntries(value: YamlNode | null, where: string, problems: Problem[]): PolicyEntry[] {
    return this.pairs(value, `${where}.ports`).flatMap(([port, keys]) => {
      const scope = parsePortScope(port.text);
      if (scope === null) {
        problems.push({
          reason: 'BadPolicy',
          message: `line ${this.lineOf(port.offset)}: expected PORT or PORT/PROTO, such as 8080/tcp, got ${quoteForPeople(port.text)}; it has no effect`,
        });
        return [];
      }
      return this.pairs(keys, `${where}.ports.${port.text}`).map(([key, item]) => this.entry(scope, key, item, where));
    });
  }

  private entry(scope: PortScope | null, key: Name, value: YamlNode | null, where: string): PolicyEntry {
    const values = isSeq(value) ? value.items : [value];
    const text = values.map((item) => this.scalar(item as YamlNode | null, `${where}.${key.text}`, key)).join(',');
    return { scope, key: key.text, text, where: `line ${this.lineOf(key.offset)}: ${quoteForPeople(key.text)}` };
  }

  private endpoints(value: YamlNode | null, serviceId: string, nodes: ReadonlyMap<string, ClusterNode>, service: Name): Task[] {
    if (value === null || (isScalar(value) && value.value === null)) return [];
    const where = `services.${service.text}.endpoints`;
    if (!isSeq(value)) this.fail(this.offsetOf(value, service), `expected ${where} to be a list, each with node, address and namespace`);
    return value.items.map((item, index) => {
      const endpoint = this.map(item as YamlNode | null, `${where}[${index}]`, ['node', 'address', 'namespace', 'weight'], service);
      const node = this.required(endpoint, 'node', item, where);
      if (!nodes.has(node.text)) {
        const hint = didYouMean(node.text, [...nodes.keys()]);
        this.fail(node.offset, `expected one of the nodes (${[...nodes.keys()].join(', ')}), got ${quoteForPeople(node.text)}.${hint}`);
      }
      const address = this.required(endpoint, 'address', item, where);
      const identity = parseIdentity(address.text);
      if (identity === null) this.fail(address.offset, `expected an IPv4 address with the prefix length of its network, such as 10.9.0.2/24, got ${quoteForPeople(address.text)}`);
      this.addresses.push({ address: identity.address, offset: address.offset });
      const namespace = this.required(endpoint, 'namespace', item, where);
      if (!isNamespace(namespace.text)) this.fail(namespace.offset, `expected ${namespaceExpectation}, got ${quoteForPeople(namespace.text)}`);
      return {
        id: `${serviceId}@${identity.address}`,
        name: `${serviceId}@${identity.address}`,
        serviceId,
        nodeId: node.text,
        identity,
        weight: this.weight(endpoint.get('weight')),
        namespace: namespace.text,
      };
    });
  }

  private weight(value: YamlNode | undefined): number {
    if (value === undefined) return 1;
    const text = this.scalar(value, 'weight');
    const weight = parseWhole(text, 0, 65535);
    if (weight === null) this.fail(this.offsetOf(value), `expected a weight from 0 (drained) to 65535, got ${quoteForPeople(text)}`);
    return weight;
  }

  private readonly addresses: { address: string; offset: number }[] = [];

  /** An address is what the whole cluster knows a task by. */
  private refuseSharedAddresses(): void {
    const seen = new Set<string>();
    for (const { address, offset } of this.addresses) {
      if (seen.has(address)) this.fail(offset, `expected each address once: ${address} is an endpoint already; publish all its ports in one service`);
      seen.add(address);
    }
  }

  private required(endpoint: ReadonlyMap<string, YamlNode>, key: string, item: unknown, where: string): { text: string; offset: number } {
    const value = endpoint.get(key);
    if (value === undefined) this.fail(this.offsetOf(item as YamlNode), `expected ${key} in each of ${where}`);
    return { text: this.scalar(value, key), offset: this.offsetOf(value) };
  }

  /** A map with these keys only. */
  private map(value: YamlNode | null, where: string, keys: readonly string[], parent?: Name): Map<string, YamlNode> {
    if (!isMap(value)) this.fail(this.offsetOf(value, parent), `expected ${where} to be a map of ${keys.join(', ')}`);
    const result = new Map<string, YamlNode>();
    for (const [key, item] of this.pairs(value, where)) {
      if (!keys.includes(key.text)) this.fail(key.offset, `expected one of ${keys.join(', ')} in ${where}, got ${quoteForPeople(key.text)}.${didYouMean(key.text, [...keys, ...policyKeys])}`);
      if (item !== null) result.set(key.text, item);
    }
    return result;
  }

  private pairs(value: YamlNode | null | undefined, where: string): [Name, YamlNode | null][] {
    if (value === undefined || value === null || (isScalar(value) && value.value === null)) return [];
    if (!isMap(value)) this.fail(this.offsetOf(value), `expected ${where} to be a map`);
    return (value as YAMLMap<YamlNode, YamlNode | null>).items.map((pair: Pair<YamlNode, YamlNode | null>) => {
      const text = this.scalar(pair.key, where);
      const offset = this.offsetOf(pair.key);
      if (!/^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/.test(text)) this.fail(offset, `expected a name of letters, digits, "_", "." and "-" in ${where}, got ${quoteForPeople(text)}`);
      return [{ text, offset }, pair.value];
    });
  }

  /** As it is written: `8080:80` and `10` are words like all others, whatever YAML takes them for. */
  private scalar(value: YamlNode | null | undefined, where: string, parent?: Name): string {
    if (!isScalar(value) || value.value === null) this.fail(this.offsetOf(value, parent), `expected one value for ${where}`);
    if (typeof value.value === 'string') return value.value;
    if (value.source !== undefined) return value.source;
    return this.fail(this.offsetOf(value, parent), `expected one plain value for ${where}`);
  }

  private offsetOf(value: YamlNode | null | undefined, parent?: Name): number {
    return value?.range?.[0] ?? parent?.offset ?? 0;
  }

  private lineOf(offset: number): number {
    return this.lines.linePos(offset).line;
  }

  private fail(offset: number, problem: string): never {
    const { line, col } = this.lines.linePos(offset);
    throw new ClusterFileError(this.path, Math.max(line, 1), Math.max(col, 1), problem);
  }
}

interface Name {
  readonly text: string;
  readonly offset: number;
}

function parsePortScope(text: string): PortScope | null {
  const [portText = '', protocolText, ...rest] = text.split('/');
  const port = parsePort(portText);
  const protocol = protocolText === undefined ? null : protocols.find((candidate) => candidate === protocolText);
  return port === null || protocol === undefined || rest.length > 0 ? null : { port, protocol };
}

/** Without a prefix length the address is a network of its own. */
function parseIdentity(text: string): Identity | null {
  const [address = '', prefix = '32', ...rest] = text.split('/');
  const prefixLength = parseWhole(prefix, 1, 32);
  const usable = isIPv4(address) && !/^(0|127|22[4-9]|2[3-5]\d)\./.test(address) && !isIPv6(address);
  return usable && prefixLength !== null && rest.length === 0 ? { address, prefixLength } : null;
}
