/** How the doctor's checks look at the machine; tests give a machine of their own. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { access, constants, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { release } from 'node:os';

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Probes {
  readonly platform: string;
  /** `20.19.0` */
  readonly nodeVersion: string;
  readonly userId: number;
  /** `uname -r` */
  readonly kernelRelease: string;
  /** Null when it is not there or can't be read. */
  readText(path: string): Promise<string | null>;
  exists(path: string): Promise<boolean>;
  readable(path: string): Promise<boolean>;
  /** Null when there is no such program. Rejects when it takes longer than ten seconds. */
  run(command: string, parameters: readonly string[]): Promise<CommandOutcome | null>;
  /** GET on Docker's API; rejects with what went wrong. */
  docker(socket: string, path: string): Promise<unknown>;
  /** The error code that binding the UDP port gives, null when it is free. */
  bindUdp(port: number): Promise<string | null>;
  /** The error code that connecting gives, null when somebody listens. */
  connectTcp(host: string, port: number): Promise<string | null>;
}

const timeoutMilliseconds = 10_000;
const mostBytes = 64 * 1024 * 1024;

export function machineProbes(): Probes {
  return {
    platform: process.platform,
    nodeVersion: process.versions.node,
    userId: process.getuid?.() ?? -1,
    kernelRelease: release(),
    readText: (path) => readFile(path, 'utf8').catch(() => null),
    exists: (path) => access(path).then(() => true, () => false),
    readable: (path) => access(path, constants.R_OK).then(() => true, () => false),
    run: runCommand,
    docker: askDocker,
    bindUdp,
    connectTcp,
  };
}

function runCommand(command: string, parameters: readonly string[]): Promise<CommandOutcome | null> {
  // sbin is not on the path of every user and of every unit.
  const environment = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/local/sbin` };
  return new Promise((resolve, reject) => {
    execFile(command, parameters, { timeout: timeoutMilliseconds, killSignal: 'SIGKILL', maxBuffer: mostBytes, env: environment }, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (error.code === 'ENOENT') resolve(null);
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else reject(new Error(`\`${[command, ...parameters].join(' ')}\` did not end: ${error.message}`));
    });
  });
}

function askDocker(socket: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path, headers: { host: 'docker', connection: 'close' }, signal: AbortSignal.timeout(timeoutMilliseconds) }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => { text += piece; });
      response.on('error', reject);
      response.on('end', () => {
        try {
          const body = JSON.parse(text) as { message?: string };
          if (response.statusCode === 200) resolve(body);
          else reject(new Error(`${response.statusCode ?? 0}: ${body.message ?? text}`));
        } catch {
          reject(new Error(`it answered ${response.statusCode ?? 0} without JSON`));
        }
      });
    });
    call.on('error', reject);
    call.end();
  });
}

function bindUdp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? error.message);
    });
    socket.bind({ port, exclusive: true }, () => {
      socket.close(() => { resolve(null); });
    });
  });
}

function connectTcp(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMilliseconds });
    const end = (code: string | null) => {
      socket.destroy();
      resolve(code);
    };
    socket.once('connect', () => { end(null); });
    socket.once('timeout', () => { end('ETIMEDOUT'); });
    socket.once('error', (error: NodeJS.ErrnoException) => { end(error.code ?? error.message); });
  });
}
