/** Two services alike: ours is served by routemesh, theirs by dockerd's ingress, on the same nodes and in one run. */
import { create, urlOf, type PerNode } from './cluster.js';
import { losses, underLoad, type LoadOptions, type LoadReport } from './load.js';

export const ours = { name: 'ours', port: 8080 };
export const theirs = { name: 'theirs', port: 8180 };

export const both = <T>(work: (name: string) => Promise<T>): Promise<[T, T]> => Promise.all([work(ours.name), work(theirs.name)]);

/** Runs both, with the same options but for what makes theirs dockerd's. */
export async function createBoth(perNode: PerNode, ...options: readonly string[]): Promise<void> {
  await create(ours.name, perNode, '--publish', `${ours.port}:80`, ...options);
  await create(theirs.name, perNode, '--publish', `${theirs.port}:80`, '--label', 'routemesh.enabled=false', ...options);
}

/** The same load on both while some work goes on; both reports, ours first, which the run's output tells side by side. */
export async function bothUnderLoad(nodes: readonly string[], work: () => Promise<unknown>, options: Partial<LoadOptions> = {}): Promise<[LoadReport, LoadReport]> {
  const optionsOf = ({ port }: typeof ours): LoadOptions => ({ parallel: 2, pause: 100, streams: 2, ...options, urls: nodes.map((node) => urlOf(node, port)) });
  let our: LoadReport | undefined;
  const their = await underLoad(theirs.name, optionsOf(theirs), async () => {
    our = await underLoad(ours.name, optionsOf(ours), work);
  });
  if (our === undefined) throw new Error('our load did not report');
  console.info(`routemesh ${JSON.stringify(losses(our))} of ${our.requests.ok}, dockerd ${JSON.stringify(losses(their))} of ${their.requests.ok}`);
  if (our.failures.length > 0) console.info(our.failures.slice(0, 20).map(({ unix_ms: at, what, stage, error, url }) => `${new Date(at).toISOString()}: ${what} ${url}: ${stage}: ${error}`).join('\n'));
  return [our, their];
}
