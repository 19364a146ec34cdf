import { describe, expect, it } from '@jest/globals';
import { renderPlan } from '../../../src/cli/plan-view.js';
import type { Change } from '../../../src/kernel/change.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { statusReport } from '../status-report.js';
import { keptOutput } from './view.js';

const nodePlan: NodePlan = { nodeId: 'n1', places: [], ports: statusReport().ports, conditions: [] };

function change(different: Partial<Change>): Change {
  return { kind: 'route', place: 'host', action: 'add', key: 'x', summary: 'x', ...different };
}

describe('plan for people', () => {
  it('is a diff by place and kind, in the order of building, with tasks by name', () => {
    const changes = [
      change({ place: 'host', kind: 'iptables', summary: 'nat MESH-INGRESS -p tcp' }),
      change({ place: 'host', kind: 'link', summary: 'bridge mesh_gwbridge' }),
      change({ place: 'sandbox', kind: 'ipvs', action: 'change', summary: 'destination 10.0.0.5:80 weight 1 → 0' }),
      change({ place: 'task:t1', kind: 'route', action: 'remove', summary: 'route 10.0.0.0/24' }),
    ];
    expect(renderPlan(changes, nodePlan, keptOutput())).toBe(`host
  link
    + bridge mesh_gwbridge
  iptables
    + nat MESH-INGRESS -p tcp

sandbox
  ipvs
    ~ destination 10.0.0.5:80 weight 1 → 0

task web.1 (t1)
  route
    - route 10.0.0.0/24

To do: 2 to add, 1 to change, 1 to remove. Nothing was changed; \`routemesh run\` does it.
`);
  });

  it('says in one line that there is nothing to do', () => {
    expect(renderPlan([], nodePlan, keptOutput())).toBe('Nothing to do: this node is as planned (1 published port).\n');
  });

  it('names what is not served, which no diff would show', () => {
    const condition = { reason: 'PortTaken', object: { kind: 'service', id: 's', name: 'late' }, message: 'tcp/80 is of service web' } as const;
    expect(renderPlan([], { ...nodePlan, conditions: [condition] }, keptOutput())).toContain('  PortTaken service late\n    tcp/80 is of service web\n');
  });
});
