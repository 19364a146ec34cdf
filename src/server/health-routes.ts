/** What load balancers, service managers and Prometheus ask; the same on the control socket and over TCP. */
import type { Health } from '../controller/health.js';
import type { Readiness } from '../controller/report.js';
import type { Answer, Routes } from './answer.js';

export interface HealthFacts {
  health(): Health;
  readiness(): Readiness;
  /** In Prometheus's text format. */
  metrics(): Promise<string>;
}

export const healthRoutes: Routes<HealthFacts> = {
  '/healthz': (facts) => {
    const health = facts.health();
    return { status: health.alive ? 200 : 503, body: health };
  },
  '/readyz': (facts) => answerOf(facts.readiness()),
  '/metrics': async (facts) => ({ status: 200, body: await facts.metrics(), contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
};

function answerOf({ programmed, lastSync, source: { available, description, error } }: Readiness): Answer {
  if (programmed) return { status: 200, body: { ready: true } };
  const reasons = lastSync === null ? ['no sync has ended yet'] : lastSync.failures;
  const source = available ? [] : [`${description}: ${error ?? 'not available'}`];
  return { status: 503, body: { ready: false, reasons: [...source, ...reasons] } };
}
