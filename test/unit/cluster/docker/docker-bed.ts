import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSource, LocalTasks } from '../../../../src/cluster/source.js';
import { Recorder } from '../recorder.js';
import { FakeDockerd } from './fake-dockerd.js';

/** A fake dockerd in a folder of its own, which does not run yet, and a recorder of what a source tells of it. */
export class DockerBed {
  readonly dockerd: FakeDockerd;
  readonly recorder = new Recorder();
  private readonly stop = new AbortController();
  private following: Promise<void> = Promise.resolve();

  private constructor(private readonly folder: string) {
    this.dockerd = new FakeDockerd(join(folder, 'docker.sock'));
  }

  static async make(): Promise<DockerBed> {
    return new DockerBed(await mkdtemp(join(tmpdir(), 'routemesh-docker-')));
  }

  /** One source; it is stopped at the end. */
  follow(source: ClusterSource | LocalTasks): void {
    this.following = source.follow(this.recorder, this.stop.signal);
  }

  /** Until Docker has somebody to send its events to. */
  async untilStreaming(): Promise<void> {
    while (this.dockerd.openStreams === 0) await sleep(2);
  }

  /** Rejects with what the source broke by. */
  async unfollow(): Promise<void> {
    this.stop.abort();
    await this.following;
  }

  /** Rejects as `unfollow` does. */
  async end(): Promise<void> {
    await this.unfollow();
    await this.dockerd.stop();
    await rm(this.folder, { recursive: true });
  }
}
