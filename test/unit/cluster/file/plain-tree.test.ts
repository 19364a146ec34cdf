import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseDocument } from 'yaml';
import { ClusterFileError, ClusterFileParser, parseClusterFile } from '../../../../src/cluster/file/cluster-file.js';
import { plainTree } from '../../../../src/cluster/file/plain-tree.js';
import { treeOf, type Tree } from '../../../../src/cluster/file/tree.js';

type Said = string | null | undefined | readonly Said[] | { readonly pairs: readonly (readonly [Said, Said])[] };

/** Without places. */
function said(tree: Tree): Said {
  switch (tree.kind) {
    case 'scalar': return tree.text;
    case 'list': return tree.items.map(said);
    case 'map': return { pairs: tree.pairs.map(({ key, value }) => [said(key), said(value)]) };
    case 'other': return undefined;
  }
}

function yamls(text: string): Said | Error {
  const document = parseDocument(text, { uniqueKeys: true, strict: true, prettyErrors: false });
  return document.errors[0] ?? said(treeOf(document.contents));
}

const pieces = fc.constantFrom(
  'a', 'web', 'b: ', 'c:', 'c:\n', 'publish: ', '8080:80', '8080:80, 90:90', ' 10', '1.5', 'true', 'null', '~', '0x1f', '-', '- ', '- a\n', '- { a: b }\n', '{ ', '}', '[', ']', ', ', ',', ': ', ':', '"', '"x y"', '""',
  '\n', '\n', '\n  ', '\n    ', '\n      ', ' # comment\n', '#', "'", '&a ', '*a', '|', '---\n', '\t', '? ', '%', '2026-01-01', '.5', 'a b', '"a": ', '/run/netns/x',
);

describe('a plain text', () => {
  it('means what YAML says it means, or is left to YAML', () => {
    let plain = 0;
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (list) => {
        const text = list.join('');
        const tree = plainTree(text);
        if (tree === null) return;
        plain += 1;
        expect({ text, said: said(tree) }).toEqual({ text, said: yamls(text) });
      }),
      { numRuns: 20_000 },
    );
    expect(plain).toBeGreaterThan(200);
  });

  it.each([
    'nodes:\n  alpha: 10.0.0.1 # here\n\n# services\nservices:\n  web:\n    publish: 8080:80, 90:90\n    ports:\n      8080: { drain: 1s }\n    endpoints:\n    - { node: alpha, address: 10.9.0.2/24, namespace: web1 }\n    - node: alpha\n      address: 10.9.0.3/24\n      namespace: /run/netns/x\n',
    '{"nodes": {"alpha": "10.0.0.1"},\n "services": {"web": {"publish": ["8080:80"], "endpoints": [{"node": "alpha", "address": "10.9.0.2/24", "namespace": "web1", "weight": 2}]}}}\n',
  ])('is read without YAML: %j', (text) => {
    const tree = plainTree(text);
    expect(tree).not.toBeNull();
    expect(tree === null ? null : said(tree)).toEqual(yamls(text));
  });
});

const endpoint = fc.record({ host: fc.integer({ min: 1, max: 12 }), node: fc.constantFrom('alpha', 'beta'), weight: fc.constantFrom(0, 1, 3) });
const aService = fc.record({
  name: fc.constantFrom('a', 'a1', 'b', 'web', 'w-x'),
  publish: fc.constantFrom('80:80', '81:80/udp', '443:443'),
  extra: fc.constantFrom('', '    drain: 10x\n', '    scheduler: wrr # by weight\n', "    affinity: 'none'\n", '\n# more\n'),
  endpoints: fc.array(endpoint, { maxLength: 3 }),
});

function written(services: readonly { name: string; publish: string; extra: string; endpoints: readonly { host: number; node: string; weight: number }[] }[]): string {
  const lines = services.map(({ name, publish, extra, endpoints }) =>
    `  ${name}:\n    publish: ${publish}\n${extra}    endpoints:${endpoints.length === 0 ? ' []' : ''}\n${endpoints.map(({ host, node, weight }) => `      - { node: ${node}, address: 10.9.0.${host}/24, namespace: n, weight: ${weight} }\n`).join('')}`);
  return `nodes:\n  alpha: 10.0.0.1\n  beta: 10.0.0.2\nservices:${services.length === 0 ? ' {}' : ''}\n${lines.join('')}`;
}

const result = (read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    return error instanceof ClusterFileError ? error.message : error;
  }
};

describe('a file that is edited again and again', () => {
  it('is served as if it were read for the first time', () => {
    fc.assert(
      fc.property(fc.array(fc.array(aService, { maxLength: 5 }), { minLength: 1, maxLength: 6 }), (versions) => {
        const parser = new ClusterFileParser('x.yaml');
        for (const version of versions) {
          const text = written(version);
          expect(result(() => parser.parse(text))).toEqual(result(() => parseClusterFile(text, 'x.yaml')));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the endpoints that were not touched as the very objects, so that nothing else is looked at', () => {
    const parser = new ClusterFileParser('x.yaml');
    const services = (weight: number) => [
      { name: 'a', publish: '80:80', extra: '', endpoints: [{ host: 1, node: 'alpha', weight: 1 }] },
      { name: 'b', publish: '81:80', extra: '', endpoints: [{ host: 2, node: 'alpha', weight }, { host: 3, node: 'beta', weight: 1 }] },
    ];
    const before = parser.parse(written(services(1)));
    const after = parser.parse(written(services(0)));

    expect(after.services).toBe(before.services);
    expect(after.tasks.map((task, index) => task === before.tasks[index])).toEqual([true, false, true]);
  });
});
