import { expect, it } from '@jest/globals';
import { Gatherer, type NodeFacts } from '../../../src/controller/gather.js';
import type { Doubted } from '../../../src/kernel/glance.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, nodeId, port, service, task } from '../plan/fixtures.js';

const state = cluster({ services: [service('a', [port(80, 80)]), service('b', [port(81, 80)])], tasks: [task('a', 1), task('b', 2)] });

function bed() {
  const asked: string[] = [];
  let held = new Map<string, string>();
  const facts: NodeFacts = {
    nodeId,
    settings: defaultSettings,
    whyNoSets: null,
    kernel: {
      release: '6.1.0',
      underlayMtu: () => { asked.push('mtu'); return 1500; },
      resolveTask: (path) => { asked.push(path); return { path, device: 'eth0' }; },
      portsHeldByOthers: (ports) => { asked.push(...ports.map(({ protocol, port: number }) => `${protocol}/${number}`)); return held; },
    },
    localTasks: new Map(state.tasks.map(({ id }) => [id, { taskId: id, namespace: `/run/netns/${id}` }])),
    deadPeers: new Set(),
    unreachedTasks: new Set(),
  };
  const gatherer = new Gatherer();
  const gather = (now = state, doubted: Doubted = new Map()) => gatherer.gather(now, facts, doubted, () => undefined);
  return { gather, asked: () => asked.splice(0), hold: (key: string) => { held = new Map([[key, 'nginx (pid 1)']]); } };
}

it('one new service costs what it brings: the kernel is asked about its port and its task, and about nothing else', () => {
  const { gather, asked } = bed();
  const first = gather();
  asked();

  const more = { ...state, services: [...state.services, service('c', [port(82, 80)])] };
  const second = gather(more);

  expect(asked()).toEqual(['tcp/82']);
  expect(second.localTasks).toBe(first.localTasks);
  expect(second.portsHeldByOthers).toBe(first.portsHeldByOthers);
});

it('a look at everything asks anew: a process id may be another program’s by now', () => {
  const { gather, asked } = bed();
  gather();
  asked();

  gather(state, 'everywhere');

  expect(asked().sort()).toEqual(['/run/netns/a1xxxxxxxxxxxxxxxxxxxxxxx', '/run/netns/b2xxxxxxxxxxxxxxxxxxxxxxx', 'mtu', 'tcp/80', 'tcp/81']);
});

it('a port that another program holds is asked about each time, so that it is served once that is over', () => {
  const { gather, asked, hold } = bed();
  hold('tcp/80');
  gather();
  asked();

  gather({ ...state });

  expect(asked()).toEqual(['tcp/80']);
});

it('a hint of the host asks anew for what depends on its devices, and for nothing else', () => {
  const { gather, asked } = bed();
  gather();
  asked();

  gather(state, new Map([['host', new Set(['rtnetlink'])]]));

  expect(asked()).toEqual(['mtu']);
});
