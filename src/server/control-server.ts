/**
 * What a running controller answers on its unix control socket: its folder is open to root only (0700), and so is the
 * socket (0600).
 *
 * GET /healthz  200 while the loop is alive, 503 with the reason when it is stuck
 * GET /readyz   200 while the kernel holds what the plan says, else 503 with the reasons
 * GET /metrics  Prometheus's text format
 * GET /events   EventListing; ?after=SEQUENCE those after it; ?watch=1 lines of JSON without an end
 * GET /status   StatusReport
 * GET /state    ClusterState as the source gave it; 503 before the first
 * GET /plan     NodePlan of the last sync; 503 before the first
 * GET /insight  Insight: what it has learnt by watching
 */
import { createServer, type Server } from 'node:http';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClusterState } from '../cluster/state.js';
import type { Insight } from '../controller/insight.js';
import type { StatusReport } from '../controller/report.js';
import type { Logger } from '../log.js';
import type { NodePlan } from '../plan/node-plan.js';
import { respond, type Answer, type Routes } from './answer.js';
import { answerEvents, type EventFacts } from './event-stream.js';
import { healthRoutes, type HealthFacts } from './health-routes.js';

/** What the server reads of the controller, afresh for each request. */
export interface ControlFacts extends HealthFacts {
  readonly events: EventFacts;
  report(): StatusReport | Promise<StatusReport>;
  state(): ClusterState | null;
  plan(): NodePlan | null;
  insight(): Insight;
}

export interface ControlServer {
  /** Ends open requests and removes the socket. */
  close(): Promise<void>;
}

const routes: Routes<ControlFacts> = {
  ...healthRoutes,
  '/status': async (facts) => ({ status: 200, body: await facts.report() }),
  '/events': (facts, question) => answerEvents(facts.events, question),
  '/state': (facts) => orNotYet(facts.state(), 'no cluster state was read yet'),
  '/plan': (facts) => orNotYet(facts.plan(), 'nothing was planned yet'),
  '/insight': (facts) => ({ status: 200, body: facts.insight() }),
};

/** Takes over the socket of a controller that died: call it only after `claimNode`. */
export async function startControlServer(path: string, facts: ControlFacts, logger: Logger): Promise<ControlServer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeStaleSocket(path);
  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 2000, connectionsCheckingInterval: 2000 },
    (request, response) => {
      void respond(request, response, routes, facts, logger);
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

function orNotYet(body: unknown, why: string): Answer {
  return body === null ? { status: 503, body: { error: why } } : { status: 200, body };
}
