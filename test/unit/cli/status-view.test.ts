import { describe, expect, it } from '@jest/globals';
import { plainColours } from '../../../src/cli/output.js';
import { renderStatus } from '../../../src/cli/status-view.js';
import { widthOf } from '../../../src/cli/width.js';
import type { Condition } from '../../../src/cluster/condition.js';
import type { MeshEvent } from '../../../src/event.js';
import type { StatusReport } from '../../../src/controller/report.js';
import { statusReport } from '../status-report.js';

const now = new Date('2026-01-01T12:03:00.000Z');

function render(report: StatusReport, columns: number | null = null): string {
  return renderStatus(report, { columns, colours: plainColours }, now);
}

const conflict: Condition = { reason: 'PortConflict', object: { kind: 'service', id: 's2', name: 'dns' }, message: 'udp/53 is not taken: systemd-resolved (pid 7) listens there' };

describe('status for people', () => {
  it('shows at one look: health, source, nodes, each task with weight and connections', () => {
    expect(render(statusReport())).toBe(`HEALTHY: node node1 serves 1 published port
  1 task takes connections, 1 drained; 3 active; node2 of 1 peer does not answer

Published ports
  PORT      SERVICE  TASK   NODE   REAL SERVER  WEIGHT  ACTIVE  INACTIVE
  tcp/8080  web      web.1  node1  10.0.0.5:80       1       3        12
                     web.2  node1  10.0.0.6:80       0       -         -

Nodes
  NAME          ADDRESS        STATE  PEER                   ID
  node1 (this)  192.168.56.11  ready                         n1
  node2         192.168.56.12  down   dead, silent for 12 s  n2

Controller
  Version     routemesh 0.1.0, up 2 h 3 min, node id n1
  Source      docker on /var/run/docker.sock: answers, for 2 h 2 min
  Last sync   2 s ago (resync), took 18 ms, nothing to change; 1203 syncs so far
  Repairs     2 iptables, 1 ipvs, changed by others and put right
`);
  });

  it('lists nodes and tasks by name, as people count, so that one is found where it was the last time', () => {
    const { nodes: [node], ports: [port], peers } = statusReport();
    const backend = port?.backends[0];
    if (node === undefined || port === undefined || backend === undefined) throw new Error('no port or node');
    const nodes = ['h10', 'h9', 'h1'].map((name, index) => ({ ...node, id: `n${index}`, name, address: `192.0.2.${index}` }));
    const backends = ['web.10', 'web.2'].map((taskName, index) => ({ ...backend, taskName, address: `10.0.0.${index}` }));
    const lines = render(statusReport({ node: { id: 'n2', name: 'h1' }, nodes, peers, ports: [{ ...port, backends }] })).split('\n');
    expect(lines.flatMap((line) => /^ +(h\d+)/.exec(line)?.[1] ?? [])).toEqual(['h1', 'h9', 'h10']);
    expect(lines.flatMap((line) => /web\.\d+/.exec(line)?.[0] ?? [])).toEqual(['web.2', 'web.10']);
    expect(lines.find((line) => line.includes('web.2'))).toContain('tcp/8080');
  });

  it('ends with what happened last, one line each, the newest last', () => {
    const events: MeshEvent[] = [
      { sequence: 8, type: 'Normal', reason: 'DrainBegan', object: { kind: 'task', name: 'web.1' }, message: 'takes no new connections any more; those that it has may end', count: 1, firstTime: '2026-01-01T12:00:00.000Z', lastTime: '2026-01-01T12:00:00.000Z' },
      { sequence: 9, type: 'Warning', reason: 'Repaired', object: { kind: 'kernel', name: 'sandbox' }, message: 'repaired: destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1', count: 3, firstTime: '2026-01-01T12:00:00.000Z', lastTime: '2026-01-01T12:02:48.000Z' },
    ];
    expect(render(statusReport({ events }))).toMatch(new RegExp(`\n\nLatest events\n${[
      '       WHEN  REASON       OBJECT          MESSAGE',
      '  3 min ago  DrainBegan   task web.1      takes no new connections any more; those that it has may end',
      '   12 s ago  Repaired ×3  kernel sandbox  repaired: destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1',
    ].join('\n').replace(/[()]/g, '\\$&')}\n$`));
    for (const line of render(statusReport({ events }), 72).split('\n')) expect(line.length).toBeLessThanOrEqual(72);
  });

  it('does not call a node healthy that leaves a published port unserved', () => {
    const text = render(statusReport({ conditions: [conflict] }));
    expect(text).toMatch(/^NOT ALL SERVED: node node1: 1 condition below keeps something from being served\n/);
    expect(text).toContain('\n  PortConflict service dns\n    udp/53 is not taken: systemd-resolved (pid 7) listens there\n');
  });

  it('does not call a node healthy that reaches no other: the tasks of the others are not served there', () => {
    const cutOff: Condition = { reason: 'CutOff', object: { kind: 'node', id: 'n1', name: 'node1' }, message: 'no peer answers over the fabric' };
    expect(render(statusReport({ conditions: [cutOff] }))).toMatch(/^NOT ALL SERVED: /);
  });

  it('still calls a node healthy when only a label was bad, but shows the condition', () => {
    const text = render(statusReport({ conditions: [{ ...conflict, reason: 'BadPolicy' }] }));
    expect(text).toMatch(/^HEALTHY: .*; 1 condition below to look at\n/);
  });

  it('says which failures of the last sync are tried again', () => {
    const failing = statusReport({ programmed: false, lastSync: { at: now.toISOString(), durationMilliseconds: 5, reason: 'poll', changes: 0, failures: ['host: add bridge: EPERM'] } });
    expect(render(failing)).toMatch(/^NOT PROGRAMMED: node node1: 1 failure in the last sync/);
    expect(render(failing)).toContain('Failures of the last sync\n  host: add bridge: EPERM\n');
  });

  it('says that nothing was synchronised yet, and why the source does not answer', () => {
    const text = render(statusReport({ programmed: false, lastSync: null, source: { description: 'docker', available: false, since: now.toISOString(), error: 'ECONNREFUSED' } }));
    expect(text).toMatch(/^NOT READY/);
    expect(text).toContain('HAS NOT ANSWERED for 0 ms: ECONNREFUSED');
  });

  it('shows a service without tasks, whose port nobody answers', () => {
    const [port] = statusReport().ports;
    if (port === undefined) throw new Error('no port');
    expect(render(statusReport({ ports: [{ ...port, backends: [] }] }))).toContain('tcp/8080  web      (no task)');
  });

  it.each([44, 60, 80, 160])('stays inside a terminal of %d columns and keeps port, task, weight and connections', (columns) => {
    const text = render(statusReport({ conditions: [conflict] }), columns);
    expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(columns);
    for (const word of ['tcp/8080', 'web.1', 'WEIGHT', 'ACTIVE']) expect(text).toContain(word);
  });

  it('says why right behind what: conditions stand before the ports', () => {
    const text = render(statusReport({ conditions: [conflict] }));
    expect(text.indexOf('PortConflict')).toBeLessThan(text.indexOf('Published ports'));
  });

  it.each([60, 80, 160])('keeps its columns under each other in %d columns with long and wide names', (columns) => {
    const [port] = statusReport().ports;
    if (port === undefined) throw new Error('no port');
    const wide = { ...port, serviceName: '网页服务🚀', backends: port.backends.map((backend) => ({ ...backend, taskName: `网页服务🚀-of-a-very-long-name.${backend.taskId}` })) };
    const lines = render(statusReport({ ports: [wide] }), columns).split('\n');
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
  });

  it("keeps a stranger's control characters out of the terminal", () => {
    expect(render(statusReport({ conditions: [{ ...conflict, message: 'x\u001b[2Jy', object: { ...conflict.object, name: 'a\u001b]0;b' } }] }))).not.toContain('\u001b');
  });
});
