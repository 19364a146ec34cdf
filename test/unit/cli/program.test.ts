import { describe, expect, it } from '@jest/globals';
import { runProgram } from '../../../src/cli/program.js';
import { ConfigurationError } from '../../../src/configuration/error.js';
import { keptOutput } from './view.js';

async function run(...words: string[]): Promise<{ exitCode: number; out: string; error: string }> {
  const output = keptOutput();
  let error = '';
  const exitCode = await runProgram(words, { output, environment: {}, error: (text) => { error += text; } });
  return { exitCode, out: output.text(), error };
}

describe('the command line', () => {
  it('prints a help that names each command and the exit codes', async () => {
    const { exitCode, out } = await run('--help');
    expect(exitCode).toBe(0);
    for (const word of ['run', 'plan', 'status', 'trace', 'top', 'compare', 'switch', 'doctor', 'cleanup', 'Exit codes', '/etc/routemesh/config.yaml']) expect(out).toContain(word);
  });

  it.each(['run', 'plan', 'status', 'trace', 'top', 'compare', 'switch', 'doctor', 'cleanup'])('gives %s a help with examples, exit codes, --json and --config', async (command) => {
    const { exitCode, out } = await run(command, '--help');
    expect(exitCode).toBe(0);
    for (const word of ['Examples:', 'Exit codes:', '--json', '--config']) expect(out).toContain(word);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('tells its version', async () => {
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([[[]], [['staus']], [['status', '--jsn']], [['status', 'web']], [['plan', '--resync']], [['trace']], [['trace', '80', '81']], [['switch', 'web']], [['top', 'web']]])('ends with 64 on wrong usage, so that a script can tell it from a failure: %j', async (words) => {
    const { exitCode, error, out } = await run(...words);
    expect(exitCode).toBe(64);
    expect(error).not.toBe('');
    expect(out).toBe('');
  });

  it('suggests the command that was meant', async () => {
    expect((await run('staus')).error).toContain('(Did you mean status?)');
  });

  it('refuses a wrong setting by the name of its flag', async () => {
    const refused = run('status', '--control-socket', 'here');
    await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
    await expect(refused).rejects.toThrow('`--control-socket`');
  });

  it.each([[['trace', 'http']], [['trace', '70000']], [['trace', '80/icmp']], [['trace', '80', '--from', 'fd00::1']]])('refuses what is no port or client of a trace: %j', async (words) => {
    await expect(run(...words)).rejects.toBeInstanceOf(ConfigurationError);
  });

  it.each([
    [['top', '--interval', '0']], [['top', '--count', '1.5']], [['top', '--sort', 'size']], [['top', '--per', 'node']], [['status', '--watch', 'often']], [['switch', 'web', 'kube']], [['switch', 'web', 'dockerd', '--timeout', 'soon']],
  ])('refuses what a command can’t go by, before it does anything: %j', async (words) => {
    await expect(run(...words)).rejects.toBeInstanceOf(ConfigurationError);
  });

  it.each([[['--timeout', '5s']], [['--live', '--timeout', 'soon']], [['--live', '--timeout', '2h']]])('refuses a time that a live trace can’t wait, or nobody waits for: %j', async (words) => {
    await expect(run('trace', '8080', ...words)).rejects.toBeInstanceOf(ConfigurationError);
    await expect(run('trace', '8080', ...words)).rejects.toThrow('`--timeout`');
  });

  it('says how to start a controller when status finds none', async () => {
    await expect(run('status', '--control-socket', '/nonexistent/routemesh.sock')).rejects.toThrow(/routemesh run/);
  });
});
