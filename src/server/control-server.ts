/**
 * What a running controller answers on its unix control socket: its folder is open to root only (0700), and so is the
 * socket (0600).
 *
 * GET /healthz  200 while the process works
 * GET /readyz   200 while the kernel holds what the plan says, else 503 with the reasons
 * GET /status   StatusReport
 * GET /state    ClusterState as the source gave it; 503 before the first
 * GET /plan     NodePlan of the last sync; 503 before the first
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClusterState } from '../cluster/state.js';
import type { StatusReport } from '../controller/report.js';
import type { Logger } from '../log.js';
import type { NodePlan } from '../plan/node-plan.js';

/** What the server reads of the controller, afresh for each request. */
export interface ControlFacts {
  report(): StatusReport | Promise<StatusReport>;
  state(): ClusterState | null;
  plan(): NodePlan | null;
}

export interface ControlServer {
  /** Ends open requests and removes the socket. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

type Route = (facts: ControlFacts) => Promise<Answer> | Answer;

const routes: Readonly<Record<string, Route>> = {
  '/healthz': () => ({ status: 200, body: { alive: true } }),
  '/readyz': async (facts) => readiness(await facts.report()),
  '/status': async (facts) => ({ status: 200, body: await facts.report() }),
  '/state': (facts) => orNotYet(facts.state(), 'no cluster state was read yet'),
  '/plan': (facts) => orNotYet(facts.plan(), 'nothing was planned yet'),
};

/** Takes over the socket of a controller that died: call it only after `claimNode`. */
export async function startControlServer(path: string, facts: ControlFacts, logger: Logger): Promise<ControlServer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStaleSocket(path);
  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 2000, connectionsCheckingInterval: 2000 },
    (request, response) => {
      void respond(request, response, facts, logger);
    },
  );
  server.maxConnections = 64;
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => { resolve(); });
        server.closeAllConnections();
      }),
  };
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket()) throw new Error(`The control socket ${path} can't be made: something that is no socket is there. Remove it, or choose another path with --control-socket.`);
  await rm(path, { force: true });
}

async function listen(server: Server, path: string): Promise<void> {
  // The socket is made in this very turn; with the mask it is never open to others, not even for an instant.
  const mask = process.umask(0o177);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  process.umask(mask);
  await listening;
  await chmod(path, 0o600);
}

async function respond(request: IncomingMessage, response: ServerResponse, facts: ControlFacts, logger: Logger): Promise<void> {
  const answer = await answerTo(request, facts).catch((error: unknown): Answer => {
    logger.warn('A request on the control socket failed', { url: request.url, error });
    return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  });
  const body = `${JSON.stringify(answer.body)}\n`;
  // A body is never read: nothing that is asked here has one.
  const close = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(close ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(request: IncomingMessage, facts: ControlFacts): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: { error: 'only GET is answered here' } };
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return { status: 404, body: { error: `nothing is here; there are ${Object.keys(routes).join(', ')}` } };
  return route(facts);
}

function orNotYet(body: unknown, why: string): Answer {
  return body === null ? { status: 503, body: { error: why } } : { status: 200, body };
}

function readiness(report: StatusReport): Answer {
  if (report.programmed) return { status: 200, body: { ready: true } };
  const reasons = report.lastSync === null ? ['no sync has ended yet'] : report.lastSync.failures;
  const source = report.source.available ? [] : [`${report.source.description}: ${report.source.error ?? 'not available'}`];
  return { status: 503, body: { ready: false, reasons: [...source, ...reasons] } };
}
