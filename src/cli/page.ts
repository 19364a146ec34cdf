/** The page of `routemesh run --ui`: what the controller knows, handed to its server. */
import type { Controller } from '../controller/controller.js';
import type { EventLog } from '../controller/event-log.js';
import type { EventRecorder } from '../event.js';
import type { Logger } from '../log.js';
import type { PageServer, PageSource } from '../server/page-server.js';
import type { ListenAddress, Settings } from '../settings.js';

export interface PageParts {
  readonly controller: Controller;
  readonly eventLog: EventLog;
  readonly events: EventRecorder;
  readonly logger: Logger;
}

/** Null where no page is asked for, or where it can't be served: the mesh is not kept waiting for a page. */
export async function servePage(settings: Settings, parts: PageParts): Promise<PageServer | null> {
  const { ui } = settings;
  const { events, logger } = parts;
  if (ui === null) return null;
  const url = `http://${ui.address}:${ui.port}/`;
  const object = { kind: 'controller', name: 'page' } as const;
  try {
    const [{ startPageServer }, { readPageFiles }] = await Promise.all([import('../server/page-server.js'), import('../server/page-files.js')]);
    const server = await startPageServer(ui, await sourceOf(settings, parts), await readPageFiles(), logger);
    if (isLoopback(ui)) events.normal('PageServed', object, `served on ${url}`);
    else events.warning('PageServed', object, `served on ${url} to everybody who reaches that address; it has no password`);
    return server;
  } catch (error) {
    events.warning('PageNotServed', object, `not served on ${url}; the mesh goes on without it: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

async function sourceOf(settings: Settings, { controller, eventLog }: PageParts): Promise<PageSource> {
  const [{ meshView }, { traceByCommand }] = await Promise.all([import('../server/page-view.js'), import('../server/page-trace.js')]);
  return {
    look: async (previous) => {
      const statistics = await controller.statistics();
      const report = controller.report(statistics.realServers);
      const services = controller.nodePlan()?.places.flatMap(({ virtualServices }) => virtualServices) ?? [];
      const scheduling = new Map(services.map((service) => [service.fwmark, service]));
      return meshView({ report, statistics, scheduling, sandbox: settings.names.sandbox, now: Date.now() }, previous);
    },
    eventsAfter: (sequence) => eventLog.list(sequence).events,
    trace: traceByCommand(settings),
  };
}

function isLoopback({ address }: ListenAddress): boolean {
  return address.startsWith('127.');
}
