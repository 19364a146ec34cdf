/**
 * `routemesh trace --json` for the page, in a process of its own: the look into every namespace must not hold up the
 * controller, and a child can be ended.
 */
import { execFile } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { flagOf, type ConfigurationKey } from '../configuration/options.js';
import type { TraceAnswer } from '../page/wire.js';
import type { Settings } from '../settings.js';
import type { Trace } from '../trace/hop.js';

/** Another one runs already. */
export class TraceBusyError extends Error {
  override readonly name = 'TraceBusyError';
  constructor() {
    super('another trace is under way; ask again in a moment');
  }
}

const timeoutMilliseconds = 30_000;
/** A service of a hundred tasks takes about half a megabyte. */
const mostBytes = 32 * 1024 * 1024;

const command = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** A published port as the page names it, `8080/tcp`; null for anything else. */
export function parseTracedPort(text: string | null): string | null {
  const match = /^([1-9]\d{0,4})\/(?:tcp|udp|sctp)$/.exec(text ?? '');
  return match !== null && Number(match[1]) <= 65535 ? match[0] : null;
}

/** One at a time; who asks for the port that is being traced shares the answer. */
export class PortTracer {
  private running: { readonly port: string; readonly answer: Promise<TraceAnswer> } | null = null;

  constructor(private readonly run: (port: string) => Promise<TraceAnswer>) {}

  /** Rejects with TraceBusyError while another port is traced. */
  async trace(port: string): Promise<TraceAnswer> {
    if (this.running !== null && this.running.port !== port) throw new TraceBusyError();
    this.running ??= { port, answer: this.run(port).finally(() => { this.running = null; }) };
    return this.running.answer;
  }
}

/** With the names that the controller goes by, wherever it has them from. */
export function traceByCommand({ names, reservedPorts, stateFolder }: Pick<Settings, 'names' | 'reservedPorts' | 'stateFolder'>): (port: string) => Promise<TraceAnswer> {
  const settings: readonly [ConfigurationKey, string][] = [
    ['gatewayBridge', names.gatewayBridge],
    ['sandbox', names.sandbox],
    ['fabric', names.fabric],
    ['chain', names.chain],
    ['reservedPorts', reservedPorts.join(',')],
    ['stateFolder', stateFolder],
  ];
  const flags = settings.map(([key, value]) => `${flagOf(key)}=${value}`);
  return (port) =>
    new Promise((resolve, reject) => {
      const child = execFile(process.execPath, [command, 'trace', port, '--json', ...flags], { timeout: timeoutMilliseconds, killSignal: 'SIGKILL', maxBuffer: mostBytes }, (error, stdout, stderr) => {
        // Exit code 1 with an answer: the way ends before a task, which is what the answer says.
        if (stdout.startsWith('{') && error?.killed !== true) resolve(JSON.parse(stdout) as Trace);
        else reject(new Error(error?.killed === true ? `the trace of ${port} took longer than ${timeoutMilliseconds / 1_000} s` : `the trace of ${port} failed: ${stderr.trim() || (error?.message ?? 'it printed nothing')}`));
      });
      // The controller goes before the node's other programs; what somebody merely looks at does not.
      if (child.pid !== undefined) setPriority(child.pid, 5);
    });
}
