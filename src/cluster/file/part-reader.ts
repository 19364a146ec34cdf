/** One service of a cluster file, or its nodes, from what YAML says there. docs/file-source.md describes the format. */
import { isIPv4, isIPv6 } from 'node:net';
import { quoteForPeople } from '../condition.js';
import { didYouMean } from '../../configuration/did-you-mean.js';
import {
  asConditions, policyOfPort, problemsOfOverrides, problemsOfUdp, readServicePolicy, type PolicyEntry, type PortScope, type Problem,
} from '../policy-grammar/service-policy.js';
import { parsePort, parseWhole } from '../policy-grammar/values.js';
import { policyKeys } from '../policy-grammar/keys.js';
import type { Condition } from '../condition.js';
import { byId } from '../sorting.js';
import { protocols, type ClusterNode, type Identity, type Service, type Task } from '../state.js';
import { isNamespace, namespaceExpectation } from './namespace.js';
import type { Tree } from './tree.js';

/** The file can't be served as a whole; the last good state stays. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
  constructor(readonly path: string, readonly line: number, readonly column: number, readonly problem: string, options?: ErrorOptions) {
    super(`${path}:${line}:${column}: ${problem}`, options);
  }
}

/** What one service of the file brings into the state. */
export interface ServicePart {
  readonly id: string;
  /** None where it publishes nothing. */
  readonly services: readonly Service[];
  /** Sorted by id. */
  readonly tasks: readonly Task[];
  readonly conditions: readonly Condition[];
  /** Of all endpoints, published or not, and where they stand. */
  readonly addresses: readonly PlacedAddress[];
}

export interface PlacedAddress {
  readonly address: string;
  readonly offset: number;
}

/** Reads a text, or a part of one that begins in the given line. */
export class PartReader {
  private lineStarts: readonly number[] | undefined;

  constructor(private readonly text: string, private readonly path: string, private readonly firstLine = 1) {}

  /** `alpha: 192.168.56.11` */
  nodes(value: Tree | undefined, around = 0): Map<string, ClusterNode> {
    const nodes = new Map<string, ClusterNode>();
    for (const [name, address] of this.pairs(value, 'nodes')) {
      const text = this.scalar(address, `nodes.${name.text}`);
      if (!isIPv4(text)) this.fail(address.offset, `expected the node's IPv4 address, such as 192.168.56.11, got ${quoteForPeople(text)}`);
      nodes.set(name.text, { id: name.text, name: name.text, address: text, ready: true });
    }
    if (nodes.size === 0) this.fail(value?.offset ?? around, 'expected at least one node, such as nodes: { alpha: 192.168.56.11 }');
    return nodes;
  }

  service(name: Name, value: Tree, nodes: ReadonlyMap<string, ClusterNode>): ServicePart {
    const where = `services.${name.text}`;
    if (value.kind !== 'map') this.fail(value.offset, `expected ${where} to be a map with publish and endpoints`);
    const entries: PolicyEntry[] = [];
    const problems: Problem[] = [];
    let endpoints: Tree | undefined;
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
      ? policy.publish.flatMap(({ protocol, published, target }) => {
          const portPolicy = policyOfPort(policy, protocol, published);
          // Field by field: V8 gives what is spread a hidden class for each object, and there are ten thousand.
          return portPolicy === null ? [] : [{ protocol, published, target, publishedBy: 'file' as const, policy: portPolicy }];
        })
      : [];
    const addresses: PlacedAddress[] = [];
    const tasks = this.endpoints(endpoints, id, nodes, name, addresses);
    return {
      id,
      // A file knows no creation times; of two services that want one port, the plan takes the first by id.
      services: ports.length === 0 ? [] : [{ id, name: id, createdAt: '1970-01-01T00:00:00Z', ports }],
      tasks: ports.length === 0 ? [] : tasks.sort(byId),
      conditions: asConditions(allProblems, { kind: 'service', id, name: id }),
      addresses,
    };
  }

  /** `ports: { 8080/tcp: { drain: 10s } }` */
  private portEntries(value: Tree, where: string, problems: Problem[]): PolicyEntry[] {
    return this.pairs(value, `${where}.ports`).flatMap(([port, keys]) => {
      const scope = parsePortScope(port.text);
      if (scope === null) {
        problems.push({
          reason: 'BadPolicy',
          message: `line ${this.positionOf(port.offset).line}: expected PORT or PORT/PROTO, such as 8080/tcp, got ${quoteForPeople(port.text)}; it has no effect`,
        });
        return [];
      }
      return this.pairs(keys, `${where}.ports.${port.text}`).map(([key, item]) => this.entry(scope, key, item, where));
    });
  }

  private entry(scope: PortScope | null, key: Name, value: Tree, where: string): PolicyEntry {
    const values = value.kind === 'list' ? value.items : [value];
    const text = values.map((item) => this.scalar(item, `${where}.${key.text}`)).join(',');
    return { scope, key: key.text, text, where: `line ${this.positionOf(key.offset).line}: ${quoteForPeople(key.text)}` };
  }

  private endpoints(value: Tree, serviceId: string, nodes: ReadonlyMap<string, ClusterNode>, service: Name, addresses: PlacedAddress[]): Task[] {
    if (isNothing(value)) return [];
    const where = `services.${service.text}.endpoints`;
    if (value.kind !== 'list') this.fail(value.offset, `expected ${where} to be a list, each with node, address and namespace`);
    return value.items.map((item, index) => {
      const endpoint = this.map(item, `${where}[${index}]`, ['node', 'address', 'namespace', 'weight']);
      const node = this.nodeOf(this.required(endpoint, 'node', item, where), nodes);
      const address = this.required(endpoint, 'address', item, where);
      const identity = parseIdentity(address.text);
      if (identity === null) this.fail(address.offset, `expected an IPv4 address with the prefix length of its network, such as 10.9.0.2/24, got ${quoteForPeople(address.text)}`);
      addresses.push({ address: identity.address, offset: address.offset });
      const namespace = this.required(endpoint, 'namespace', item, where);
      if (!isNamespace(namespace.text)) this.fail(namespace.offset, `expected ${namespaceExpectation}, got ${quoteForPeople(namespace.text)}`);
      const id = `${serviceId}@${identity.address}`;
      return { id, name: id, serviceId, nodeId: node.id, identity, weight: this.weight(endpoint.get('weight')), namespace: namespace.text };
    });
  }

  private nodeOf({ text, offset }: Name, nodes: ReadonlyMap<string, ClusterNode>): ClusterNode {
    const names = [...nodes.keys()];
    return nodes.get(text) ?? this.fail(offset, `expected one of the nodes (${names.join(', ')}), got ${quoteForPeople(text)}.${didYouMean(text, names)}`);
  }

  private weight(value: Tree | undefined): number {
    if (value === undefined) return 1;
    const text = this.scalar(value, 'weight');
    const weight = parseWhole(text, 0, 65535);
    if (weight === null) this.fail(value.offset, `expected a weight from 0 (drained) to 65535, got ${quoteForPeople(text)}`);
    return weight;
  }

  private required(endpoint: ReadonlyMap<string, Tree>, key: string, item: Tree, where: string): { text: string; offset: number } {
    const value = endpoint.get(key);
    if (value === undefined) this.fail(item.offset, `expected ${key} in each of ${where}`);
    return { text: this.scalar(value, key), offset: value.offset };
  }

  /** A map with these keys only. */
  map(value: Tree, where: string, keys: readonly string[]): Map<string, Tree> {
    if (value.kind !== 'map') this.fail(value.offset, `expected ${where} to be a map of ${keys.join(', ')}`);
    const result = new Map<string, Tree>();
    for (const [key, item] of this.pairs(value, where)) {
      if (!keys.includes(key.text)) this.fail(key.offset, `expected one of ${keys.join(', ')} in ${where}, got ${quoteForPeople(key.text)}.${didYouMean(key.text, [...keys, ...policyKeys])}`);
      result.set(key.text, item);
    }
    return result;
  }

  pairs(value: Tree | undefined, where: string): [Name, Tree][] {
    if (value === undefined || isNothing(value)) return [];
    if (value.kind !== 'map') this.fail(value.offset, `expected ${where} to be a map`);
    return value.pairs.map((pair) => {
      const text = this.scalar(pair.key, where);
      const { offset } = pair.key;
      if (!/^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/.test(text)) this.fail(offset, `expected a name of letters, digits, "_", "." and "-" in ${where}, got ${quoteForPeople(text)}`);
      return [{ text, offset }, pair.value];
    });
  }

  private scalar(value: Tree, where: string): string {
    if (value.kind !== 'scalar' || value.text === null) this.fail(value.offset, `expected one value for ${where}`);
    return value.text;
  }

  private positionOf(offset: number): { line: number; column: number } {
    this.lineStarts ??= [0, ...[...this.text.matchAll(/\n/g)].map(({ index }) => index + 1)];
    let [line, after] = [0, this.lineStarts.length];
    while (after - line > 1) {
      const middle = (line + after) >>> 1;
      if ((this.lineStarts[middle] ?? 0) <= offset) line = middle;
      else after = middle;
    }
    return { line: this.firstLine + line, column: offset - (this.lineStarts[line] ?? 0) + 1 };
  }

  fail(offset: number, problem: string): never {
    const { line, column } = this.positionOf(offset);
    throw new ClusterFileError(this.path, line, column, problem);
  }
}

function isNothing(value: Tree): boolean {
  return value.kind === 'scalar' && value.text === null;
}

export interface Name {
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
