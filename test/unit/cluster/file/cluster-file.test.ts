import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { ClusterFileError, parseClusterFile } from '../../../../src/cluster/file/cluster-file.js';
import { isNamespace, namespacePath } from '../../../../src/cluster/file/namespace.js';
import { defaultPortPolicy } from '../../../../src/cluster/policy.js';

const parse = (text: string) => parseClusterFile(text, 'cluster.yaml');
const good = `
nodes: { alpha: 192.168.56.11 }
services:
  web:
    publish: 8080:80
    endpoints:
      - { node: alpha, address: 10.9.0.2/24, namespace: web1 }
`;

test('the example of docs/file-source.md does what the page says', () => {
  const page = readFileSync('docs/file-source.md', 'utf8');
  const example = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';

  const state = parse(example);

  expect(state.conditions).toEqual([]);
  expect(state.nodes).toEqual([
    { id: 'alpha', name: 'alpha', address: '192.168.56.11', ready: true },
    { id: 'beta', name: 'beta', address: '192.168.56.12', ready: true },
  ]);
  expect(state.services.map(({ id, ports }) => [id, ports.map(({ protocol, published, target }) => `${protocol}/${published}:${target}`)])).toEqual([
    ['dns', ['tcp/53:5353', 'udp/53:5353']],
    ['web', ['tcp/8080:80', 'tcp/8443:443']],
  ]);
  const [dns, web] = state.services;
  expect(dns?.ports[0]?.policy.sourceAddress).toBe('snat');
  expect(web?.ports.map(({ policy }) => policy)).toEqual([
    { ...defaultPortPolicy, drainMilliseconds: 10_000 },
    { ...defaultPortPolicy, drainMilliseconds: 10_000, affinitySeconds: 600 },
  ]);
  expect(state.tasks.map(({ id, nodeId, identity, weight, namespace }) => [id, nodeId, identity, weight, namespace])).toEqual([
    ['dns@10.9.0.4', 'alpha', { address: '10.9.0.4', prefixLength: 24 }, 1, '/run/netns/dns'],
    ['web@10.9.0.2', 'alpha', { address: '10.9.0.2', prefixLength: 24 }, 1, 'web1'],
    ['web@10.9.0.3', 'beta', { address: '10.9.0.3', prefixLength: 24 }, 2, 'web2'],
  ]);
});

test('a bad or unbuilt key is told with its line, and the service is served', () => {
  const state = parse(good.replace('publish: 8080:80', 'publish: 8080:80\n    drain: 10x\n    prefer: local\n    shceduler: rr\n    ports: { 80: { drain: 1s }, http: { drain: 1s } }'));

  expect(state.services).toHaveLength(1);
  expect(state.conditions.map(({ reason, message }) => `${reason} ${message}`)).toEqual([
    expect.stringMatching(/^BadPolicy line 9: expected PORT or PORT\/PROTO/),
    expect.stringMatching(/^BadPolicy line 6: "drain": expected a duration.*10x/),
    expect.stringMatching(/^UnsupportedPolicy line 7: "prefer": prefer is not built yet/),
    expect.stringMatching(/^UnsupportedPolicy line 8: "shceduler".*Did you mean "scheduler"/),
    expect.stringMatching(/^BadPolicy line 9: "drain": expected a port that the service publishes, got 80/),
  ]);
});

test('enabled: false takes the service out without deleting it', () => {
  const state = parse(good.replace('publish', 'enabled: false\n    publish'));

  expect([...state.services, ...state.tasks]).toEqual([]);
});

describe('a file that makes no state says where and what', () => {
  test.each([
    ['empty', '', 'the file is empty'],
    ['not a map', '- a\n', 'expected the file to be a map of nodes, services'],
    ['half written, not YAML', 'nodes: { alpha: 192.168', '1:'],
    ['half written, but YAML', good.trimEnd().slice(0, -40), 'cluster.yaml'],
    ['without its last newline', good.trimEnd(), 'half written'],
    ['without services', 'nodes: { alpha: 10.0.0.1 }\n', 'write services: {} if there are none'],
    ['without endpoints', good.slice(0, good.indexOf('    endpoints')), 'write endpoints: [] if there are none'],
    ['without nodes', 'services: {}\n', 'at least one node'],
    ['with a key twice', 'nodes: { a: 10.0.0.1, a: 10.0.0.2 }', 'unique'],
    ['with an unknown section', `${good}\nservice: {}\n`, 'Did you mean "services"?'],
    ['with a bad node address', 'nodes: { alpha: 192.168.56.300 }\nservices: {}\n', 'IPv4 address'],
    ['with an unknown node', good.replace('node: alpha', 'node: alpha1'), 'Did you mean "alpha"?'],
    ['with an endpoint without address', good.replace('address: 10.9.0.2/24, ', ''), 'expected address in each of'],
    ['with a loopback address', good.replace('10.9.0.2/24', '127.0.0.1'), '10.9.0.2/24, got "127.0.0.1"'],
    ['with a bad prefix', good.replace('10.9.0.2/24', '10.9.0.2/33'), '10.9.0.2/33'],
    ['with a namespace that climbs', good.replace('web1', '/run/netns/../../etc/passwd'), 'without ".."'],
    ['with a namespace of odd letters', good.replace('web1', '"-j ACCEPT"'), 'ip netns add'],
    ['with a bad weight', good.replace('namespace: web1', 'namespace: web1, weight: -1'), 'from 0 (drained) to 65535'],
    ['with an address twice', `${good}      - { node: alpha, address: 10.9.0.2/24, namespace: web2 }\n`, 'each address once'],
    ['with an endpoint that is no map', good.replace(/- \{.*/, '- alpha'), 'to be a map of node, address, namespace, weight'],
    ['with a service name of odd letters', good.replace('web:', '"we\\nb":'), 'a name of letters'],
    ['with an alias instead of a value', 'nodes: { alpha: &a 10.0.0.1, beta: *a }\nservices: {}\n', 'expected one value for nodes.beta'],
  ])('%s', (_, text, words) => {
    const error = errorOf(text);

    expect(error).toBeInstanceOf(ClusterFileError);
    expect(error.message).toMatch(/^cluster\.yaml:\d+:\d+: /);
    expect(error.message).toContain(words);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  test('line and column are those of the wrong word', () => {
    expect(errorOf(good.replace('node: alpha', 'node: nobody'))).toMatchObject({ line: 7, column: 17 });
  });

  test('no text of any kind fails in another way', () => {
    const words = fc.constantFrom('nodes', 'services', ': ', '{', '}', '[', ']', '- ', '\n', '\n  ', 'endpoints', 'publish', '8080:80', '&a ', '*a', '!!binary ', '"', '#', '<<', '? ', '|', '0x10');
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(words).map((list) => list.join('')), fc.nat({ max: good.length }).map((cut) => good.slice(0, cut))), (text) => {
        const error = errorOf(text);
        expect(error === null || error instanceof ClusterFileError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('namespaces', () => {
  test.each(['web1', 'a.b-c_d', '/run/netns/x', '/proc/4711/ns/net'])('%s is fine', (name) => expect(isNamespace(name)).toBe(true));
  test.each(['', '.', '..', '../x', 'a/b', '-x', 'a b', 'a\nb', '/a/../b', '/a//b', '/a/', '/', '/a\0', 'x'.repeat(300)])('%j would be a surprise', (name) =>
    expect(isNamespace(name)).toBe(false),
  );
  test('names are where iproute2 keeps them', () => {
    expect(namespacePath('web1')).toBe('/run/netns/web1');
    expect(namespacePath('/proc/1/ns/net')).toBe('/proc/1/ns/net');
  });
});

function errorOf(text: string): Error {
  try {
    parse(text);
  } catch (error) {
    return error as Error;
  }
  return null as unknown as Error;
}
