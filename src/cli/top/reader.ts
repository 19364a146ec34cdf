/** Reads IPVS in the sandbox, again and again; names come from the running controller, now and then. */
import { Machine } from '../../kernel/machine.js';
import { askController } from '../../server/control-client.js';
import type { Settings } from '../../settings.js';
import { sampleOf, type Names, type Sample } from './sample.js';

/** A report of a large cluster is megabytes; names change rarely. */
const namesMilliseconds = 5_000;
const patienceMilliseconds = 3_000;

export class NothingProgrammedError extends Error {
  override readonly name = 'NothingProgrammedError';
}

export class TopReader {
  private names: Names = null;
  private askedAt = -Infinity;

  private constructor(private readonly machine: Machine, private readonly settings: Settings) {}

  /** Rejects where namespaces can't be entered (not root). */
  static async open(settings: Settings): Promise<TopReader> {
    const machine = await Machine.create({ settings });
    machine.locate([{ place: 'sandbox', namespace: { path: `/run/netns/${settings.names.sandbox}`, named: true } }]);
    return new TopReader(machine, settings);
  }

  /** Rejects with NothingProgrammedError where there is no sandbox. */
  async read(): Promise<Sample> {
    const sandbox = this.machine.open('sandbox');
    if (sandbox === undefined) {
      const isRoot = process.geteuid?.() === 0;
      throw new NothingProgrammedError(isRoot ? `There is no network namespace ${this.settings.names.sandbox}: nothing is served on this node. Start a controller with \`routemesh run\`.` : `Can’t look into network namespace ${this.settings.names.sandbox}: try again with sudo.`);
    }
    await this.askNames();
    const ipvs = sandbox.ipvs();
    return sampleOf(ipvs.services().map((service) => ({ service, servers: ipvs.destinations(service.key) })), this.names, new Date());
  }

  close(): void {
    this.machine.close();
  }

  private async askNames(): Promise<void> {
    const now = performance.now();
    if (now - this.askedAt < namesMilliseconds) return;
    this.askedAt = now;
    this.names = (await askController(this.settings.controlSocket, '/status', patienceMilliseconds).catch(() => null)) as Names;
  }
}
