/** The page of `routemesh run --ui`: what the controller knows, handed to its server. */
import type { Controller } from '../controller/controller.js';
import type { Logger } from '../log.js';
import type { PageServer, PageSource } from '../server/page-server.js';
import type { Settings, ListenAddress } from '../settings.js';

/** Null where no page is asked for, or where it can't be served: the mesh is not kept waiting for a page. */
export async function servePage(settings: Settings, controller: Controller, logger: Logger): Promise<PageServer | null> {
  const { ui } = settings;
  if (ui === null) return null;
  const url = `http://${ui.address}:${ui.port}/`;
  try {
    const [{ startPageServer }, { readPageFiles }] = await Promise.all([import('../server/page-server.js'), import('../server/page-files.js')]);
    const server = await startPageServer(ui, await sourceOf(settings, controller), await readPageFiles(), logger);
    if (isLoopback(ui)) logger.info('The page is served', { url });
    else logger.warn('The page is served to everybody who reaches its address; it has no password', { url });
    return server;
  } catch (error) {
    logger.error('The page can’t be served; the mesh goes on without it', { url, error });
    return null;
  }
}

async function sourceOf(settings: Settings, controller: Controller): Promise<PageSource> {
  const [{ meshView }, { traceByCommand }] = await Promise.all([import('../server/page-view.js'), import('../server/page-trace.js')]);
  return {
    look: (previous) => {
      const traffic = controller.traffic();
      const report = controller.report({ connections: () => traffic.servers });
      return Promise.resolve(meshView({ report, traffic, sandbox: settings.names.sandbox, now: Date.now() }, previous));
    },
    eventsAfter: () => [],
    trace: traceByCommand(settings),
  };
}

function isLoopback({ address }: ListenAddress): boolean {
  return address.startsWith('127.');
}
