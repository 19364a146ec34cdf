import type { CommandOutcome, Probes } from '../../../../src/cli/doctor/probes.js';

export interface Machine {
  readonly files?: Readonly<Record<string, string>>;
  /** By command line. */
  readonly commands?: Readonly<Record<string, string>>;
  /** By path of Docker's API; none: nobody answers. */
  readonly docker?: Readonly<Record<string, unknown>>;
  readonly udpError?: string;
  /** `host:port` on which somebody listens. */
  readonly listening?: readonly string[];
  readonly userId?: number;
}

/** A machine that is only described. Folders are there when a file in them is. */
export function describedMachine({ files = {}, commands = {}, docker, udpError, listening = [], userId = 0 }: Machine): Probes {
  const exists = (path: string): boolean => Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`));
  const outcome = (stdout: string): CommandOutcome => ({ exitCode: 0, stdout, stderr: '' });
  return {
    platform: 'linux',
    nodeVersion: '20.20.2',
    userId,
    kernelRelease: '6.1.0',
    readText: (path) => Promise.resolve(files[path] ?? null),
    exists: (path) => Promise.resolve(exists(path)),
    readable: (path) => Promise.resolve(exists(path)),
    run: (command, parameters) => {
      const stdout = commands[[command, ...parameters].join(' ')];
      return Promise.resolve(stdout === undefined ? null : outcome(stdout));
    },
    docker: (_socket, path) => {
      const answer = docker?.[path];
      return answer === undefined ? Promise.reject(new Error('connect ECONNREFUSED')) : Promise.resolve(answer);
    },
    connectTcp: (host, port) => Promise.resolve(listening.includes(`${host}:${port}`) ? null : 'ECONNREFUSED'),
    bindUdp: () => Promise.resolve(udpError ?? null),
  };
}
