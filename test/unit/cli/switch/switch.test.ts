import { describe, expect, it } from '@jest/globals';
import { labelChange, UnfaithfulSpecError } from '../../../../src/cli/switch/label.js';
import { progressOf, type Facts } from '../../../../src/cli/switch/progress.js';
import { setLabel } from '../../../../src/cli/switch/set-label.js';
import { DockerAnswerError } from '../../../../src/cluster/docker/errors.js';
import { serviceJson } from '../../cluster/docker/swarm-json.js';
import { statusReport } from '../../status-report.js';

const id = 'abcdefghijklmnopqrstuvwxy';
const web = (labels: Record<string, string>) => serviceJson(id, { labels });
const specOf = (service: Record<string, unknown>) => service.Spec as Record<string, unknown>;

describe('the label that moves a service', () => {
  it('is all that changes: Swarm starts tasks anew for less', () => {
    const service = web({ color: 'blue' });
    const { before, after, spec } = labelChange(service, 'dockerd');
    expect({ before, after }).toEqual({ before: null, after: 'false' });
    expect(spec).toEqual({ ...specOf(service), Labels: { color: 'blue', 'routemesh.enabled': 'false' } });
  });

  it.each([
    [{}, 'routemesh'], [{ 'routemesh.enabled': 'true' }, 'routemesh'], [{ 'routemesh.enabled': 'false' }, 'dockerd'],
  ] as const)('is left as it is where it says so already: %j to %s', (labels, to) => {
    expect(labelChange(web(labels), to).spec).toBeNull();
  });

  it('replaces what nobody could read', () => {
    expect(labelChange(web({ 'routemesh.enabled': 'ture' }), 'routemesh')).toMatchObject({ before: 'ture', after: 'true' });
  });

  it('is not set where a number would be rounded on the way: the tasks would be started anew', () => {
    const service = { ...web({}), Spec: { ...specOf(web({})), TaskTemplate: { RestartPolicy: { MaxAttempts: 2 ** 60 } } } };
    expect(() => labelChange(service, 'dockerd')).toThrow(UnfaithfulSpecError);
  });
});

describe('setting it', () => {
  const conflict = new DockerAnswerError('rpc error: code = Unknown desc = update out of sequence', 500);
  /** Versions as they are read; updates fail so often. */
  function docker(conflicts: number, error: Error = conflict) {
    const updates: number[] = [];
    let version = 40;
    return {
      updates,
      inspectService: () => Promise.resolve({ ...web({}), Version: { Index: ++version } }),
      updateService: (_id: string, update: { version: number }) => {
        updates.push(update.version);
        return updates.length <= conflicts ? Promise.reject(error) : Promise.resolve();
      },
    };
  }
  const options = { service: 'web', to: 'dockerd', dryRun: false, pauseMilliseconds: 0 } as const;
  const signal = new AbortController().signal;

  it('reads the service again when somebody else was faster, and goes by the new version', async () => {
    const slow = docker(2);
    expect(await setLabel(slow, options, signal)).toMatchObject({ id, changed: true, before: null, after: 'false' });
    expect(slow.updates).toEqual([41, 42, 43]);
  });

  it('does not try for ever, nor again after any other refusal', async () => {
    await expect(setLabel(docker(99), options, signal)).rejects.toThrow(/attempts were too late/);
    const refusing = docker(99, new DockerAnswerError('no leader', 500));
    await expect(setLabel(refusing, options, signal)).rejects.toThrow('no leader');
    expect(refusing.updates).toHaveLength(1);
  });

  it('changes nothing on a dry run', async () => {
    const looked = docker(0);
    expect(await setLabel(looked, { ...options, dryRun: true }, signal)).toMatchObject({ differs: true, changed: false });
    expect(looked.updates).toEqual([]);
  });
});

describe('has the mesh followed?', () => {
  const report = statusReport({ lastSync: { at: '2026-01-01T12:00:10.000Z', durationMilliseconds: 1, reason: 'poll', changes: 0, failures: [] } });
  const facts = (more: Partial<Facts>): Facts => ({
    service: { id: 's1' }, to: 'routemesh', ports: [{ port: 'tcp/8080', publishedBy: 'swarm', answering: 'routemesh' }], report, setAt: Date.parse('2026-01-01T12:00:00Z'), ...more,
  });
  const answering = (who: 'routemesh' | 'dockerd' | 'nobody') => [{ port: 'tcp/8080', publishedBy: 'swarm', answering: who }] as const;

  it('by the kernel: whose rule takes the port', () => {
    expect(progressOf(facts({}))).toEqual({ state: 'done' });
    expect(progressOf(facts({ ports: answering('dockerd') }))).toEqual({ state: 'waiting', for: ['tcp/8080'] });
    expect(progressOf(facts({ to: 'dockerd', ports: answering('dockerd') }))).toEqual({ state: 'done' });
    expect(progressOf(facts({ to: 'dockerd', report: { ...report, ports: [] } }))).toEqual({ state: 'waiting', for: ['tcp/8080'] });
  });

  it('a port that another service has taken over meanwhile is let go of', () => {
    expect(progressOf(facts({ to: 'dockerd', service: { id: 'other' } }))).toEqual({ state: 'done' });
  });

  it('what the mesh refuses is not waited for, once it has looked', () => {
    const conditions = [{ reason: 'PortConflict', object: { kind: 'service', id: 's1', name: 'web' }, message: 'nginx listens' }] as const;
    const refused = { ports: answering('dockerd'), report: { ...report, conditions } };
    expect(progressOf(facts(refused))).toEqual({ state: 'refused', messages: ['PortConflict: nginx listens'] });
    expect(progressOf(facts({ ...refused, setAt: Date.parse('2026-01-01T12:01:00Z') }))).toEqual({ state: 'waiting', for: ['tcp/8080'] });
  });
});
