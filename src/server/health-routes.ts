/** What load balancers, service managers and Prometheus ask; the same on the control socket and over TCP. */
import type { Health } from '../controller/health.js';
import type { StatusReport } from '../controller/report.js';
import type { Answer, Routes } from './answer.js';

export interface HealthFacts {
  health(): Health;
  report(): StatusReport | Promise<StatusReport>;
  /** In Prometheus's text format. */
  metrics(): Promise<string>;
}

export const healthRoutes: Routes<HealthFacts> = {
  '/healthz': (facts) => {
    const health = facts.health();
    return { status: health.alive ? 200 : 503, body: health };
  },
  '/readyz': async (facts) => readiness(await facts.report()),
  '/metrics': async (facts) => ({ status: 200, body: await facts.metrics(), contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
};

function readiness(report: StatusReport): Answer {
  if (report.programmed) return { status: 200, body: { ready: true } };
  const reasons = report.lastSync === null ? ['no sync has ended yet'] : report.lastSync.failures;
  const source = report.source.available ? [] : [`${report.source.description}: ${report.source.error ?? 'not available'}`];
  return { status: 503, body: { ready: false, reasons: [...source, ...reasons] } };
}
