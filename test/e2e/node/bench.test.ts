import { beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { on, shell } from '../support/lab.js';
import { partNames, type Report } from '../../bench/report.js';

/** When to give up, in milliseconds: it creates and removes services a dozen times, and measures a minute of churn. */
const within = 900_000;

const bench = fileURLToPath(new URL('../../../scripts/bench', import.meta.url));

/** Runs scripts/bench in the lab that is up, and gives what it printed and wrote. */
async function small(): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string; readonly report: Report }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const json = join(folder, 'report.json');
  try {
    const child = spawn(bench, ['all', '--small', '--json', json, '--lab', process.env.LAB_NAME ?? 'default'], { stdio: ['ignore', 'pipe', 'pipe'], timeout: within });
    const printed = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (printed.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (printed.stderr += String(chunk)));
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0) throw new Error(`scripts/bench ended with ${code}\n${printed.stderr}`);
    return { code, ...printed, report: JSON.parse(readFileSync(json, 'utf8')) as Report };
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('scripts/bench in its small form', () => {
  let done: Awaited<ReturnType<typeof small>>;

  beforeAll(async () => {
    done = await small();
  }, within + 10_000);

  it('measures every part', () => {
    expect(Object.keys(done.report.parts)).toEqual(partNames);
  });

  it.each(partNames)('gives %s as figures with median, spread and reference, and says what it was measured on', (name) => {
    const part = done.report.parts[name];
    expect(part).toMatchObject({
      small: true,
      rounds: 1,
      machine: { cores: expect.any(Number), kernel: expect.stringMatching(/^\d+\.\d+/), docker: expect.stringMatching(/^\d+\.\d+/), routemesh: expect.stringMatching(/^\d+\.\d+/), node: expect.stringMatching(/^\d+\.\d+/), accelerator: expect.stringMatching(/^(tcg|kvm)$/) },
    });
    expect(Number.isNaN(Date.parse(part?.measuredAt ?? ''))).toBe(false);
    expect(part?.figures.length).toBeGreaterThan(2);
    for (const { what, routemesh, reference, ratio } of part?.figures ?? []) {
      for (const summary of reference === null ? [routemesh] : [routemesh, reference]) {
        expect({ what, numbers: Object.values(summary).filter((value) => typeof value === 'number' && Number.isFinite(value)).length }).toEqual({ what, numbers: 4 });
        expect(summary.lowest).toBeLessThanOrEqual(summary.value);
        expect(summary.highest).toBeGreaterThanOrEqual(summary.value);
      }
      if (reference === null) expect(ratio).toBeNull();
    }
  });

  it('compares with dockerd and with the kernel’s own tools', () => {
    const references = (name: (typeof partNames)[number]) => new Set(done.report.parts[name]?.figures.flatMap(({ reference }) => (reference === null ? [] : [reference.name])));
    expect(references('publish')).toEqual(new Set(['dockerd']));
    expect(references('convergence')).toEqual(new Set(['dockerd']));
    expect(references('data-path')).toEqual(new Set(['dockerd']));
    expect(references('scale')).toEqual(new Set(['floor']));
  });

  it('prints a table for each part on standard output and nothing else, progress on standard error', () => {
    for (const title of ['Publishing', 'Convergence', 'The data path', 'Scale, without Docker', 'Rest', 'Churn']) expect(done.stdout).toContain(`${title}: small form`);
    expect(done.stdout).not.toMatch(/^\[ *\d+s\]/m);
    expect(done.stderr).toMatch(/^\[ *\d+s\] publish: /m);
  });

  it('leaves nothing behind', async () => {
    expect((await on('h1')('docker', 'service', 'ls', '--quiet')).trim()).toBe('');
    expect(await on('h1')('docker', 'network', 'ls', '--format', '{{.Name}}')).not.toContain('bench');
    expect((await shell('h1', 'iptables-save | grep -c MESH || true; ls /run/netns')).trim()).toBe('0');
    expect(await shell('h1', 'nsenter --net=/run/docker/netns/ingress_sbox ipvsadm -Sn')).toBe('');
  });
});
