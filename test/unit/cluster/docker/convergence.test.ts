import { describe, expect, test } from '@jest/globals';
import { convergingServices, defaultPollIntervals, fastInterval } from '../../../../src/cluster/docker/convergence.js';
import { hintOf } from '../../../../src/cluster/docker/hints.js';
import { clusterJson, serviceJson, taskJson, tcp8080, type ServiceOptions, type TaskOptions } from './swarm-json.js';

describe('a service that is about to change is looked at often, so that its tasks are served at once', () => {
  const converging = (service: ServiceOptions, ...tasks: Partial<TaskOptions>[]) =>
    [...convergingServices(clusterJson({
      services: [serviceJson('webid', service)],
      tasks: tasks.map((task, slot) => taskJson(`t${slot}`, { service: 'webid', node: 'alphaid', slot, ...task })),
    }))].length === 1;

  test.each<[string, boolean, ServiceOptions, Partial<TaskOptions>[]]>([
    ['all run', false, { replicas: 2 }, [{}, {}]],
    ['old tasks lie dead', false, {}, [{}, { state: 'shutdown', desired: 'shutdown' }, { state: 'failed', desired: 'shutdown' }]],
    ['a task starts', true, {}, [{ state: 'starting' }]],
    ['a task is pending', true, {}, [{ state: 'pending' }]],
    ['a task is to stop', true, {}, [{}, { desired: 'shutdown' }]],
    ['a task waits for its turn', true, {}, [{}, { state: 'ready', desired: 'ready' }]],
    ['a task is missing', true, { replicas: 3 }, [{}, {}]],
    ['an update is under way', true, { updating: true }, [{}]],
  ])('%s: %s', (_, expected, service, tasks) => expect(converging(service, ...tasks)).toBe(expected));

  test('a port that Swarm has not granted yet', () => {
    const service = serviceJson('webid', { ports: [tcp8080], replicas: 0 });
    expect([...convergingServices(clusterJson({ services: [{ ...service, Endpoint: { Spec: {} } }] }))]).toEqual(['webid']);
  });
});

test('a task that waits for ever does not keep Docker busy for ever', () => {
  const after = (seconds: number) => fastInterval(seconds * 1000, defaultPollIntervals);

  expect(after(0)).toBe(250);
  expect(after(9)).toBe(250);
  expect(after(60)).toBe(1500);
  expect(after(3600)).toBe(5000);
});

describe('events', () => {
  const event = (type: string, action: string, attributes = {}) => hintOf({ type, action, id: 'webid', attributes });
  const ofTask = { 'com.docker.swarm.service.id': 'shopid' };

  test('what may change the mesh is looked at', () => {
    expect(event('service', 'update')).toEqual({ kind: 'services', ids: new Set(['webid']) });
    expect(event('node', 'update')).toEqual({ kind: 'cluster' });
    expect(event('network', 'create')).toEqual({ kind: 'everything' });
    expect(event('container', 'die', ofTask)).toEqual({ kind: 'services', ids: new Set(['shopid']) });
    expect(event('container', 'health_status: healthy', ofTask)).toEqual({ kind: 'services', ids: new Set(['shopid']) });
  });

  test('the noise of health checks and foreign containers costs nothing', () => {
    expect(event('container', 'exec_start: /bin/check', ofTask)).toBeNull();
    expect(event('container', 'die')).toBeNull();
    expect(event('network', 'connect')).toBeNull();
    expect(event('image', 'pull')).toBeNull();
  });
});
