import { describe, expect, it } from '@jest/globals';
import { plainColours } from '../../../src/cli/output.js';
import { widthOf } from '../../../src/cli/width.js';
import { compare } from '../../../src/compare/compare.js';
import type { Observation } from '../../../src/compare/observation.js';
import { renderComparison } from '../../../src/compare/view.js';
import { node } from './node.js';

const render = (columns: number | null, seen: Observation = node()): string => renderComparison(compare(seen), { columns, colours: plainColours });

describe('a comparison for people', () => {
  it.each([60, 80, 100, 160])('stays inside a terminal of %i columns, and loses no value to it', (columns) => {
    const text = render(columns);
    expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(columns);
    for (const word of ['MESH-INGRESS', 'DOCKER-INGRESS', '10.0.0.2 (SNAT)', '0x61f90 (401296)', 'tcp/8080', 'web.1', '8000 s', '900 s']) expect(text).toContain(word);
    expect(text).not.toContain('…');
  });

  it('says first whether the two send to the same tasks', () => {
    expect(render(null).split('\n').slice(0, 2)).toEqual(['SAME: each port in both meshes has the same real servers', '  1 port in both meshes, 1 in routemesh’s alone, 0 in dockerd’s alone']);
  });

  it('tells each reason once, by number', () => {
    const text = render(null);
    const reason = 'dockerd hides the client behind its sandbox’s address (SNAT)\n';
    expect(text.split(reason)).toHaveLength(2);
    const number = /(≠\d+) +dockerd hides the client behind its sandbox’s address \(SNAT\)\n/.exec(text)?.[1] ?? 'none';
    expect(text).toMatch(new RegExp(`\\n +${number} +source address `));
  });

  it('counts settings that are alike instead of listing them', () => {
    expect(render(null)).toContain('  1 more of IPVS’s settings are alike\n');
    expect(render(null)).not.toContain('am_droprate');
  });

  it('keeps a stranger’s control characters out of the terminal', () => {
    const { cluster } = node();
    if (cluster === null) throw new Error('no cluster');
    const seen = node({ cluster: { ...cluster, services: cluster.services.map((service) => ({ ...service, name: 'a\u001b[2Jb' })) } });
    expect(render(100, seen)).not.toContain('\u001b');
  });
});
