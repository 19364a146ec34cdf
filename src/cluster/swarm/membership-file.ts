import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../write-atomically.js';
import { parseMembership, printMembership, type SwarmMembership } from './membership.js';

/** `node.json` in the state folder. */
export class MembershipFile {
  readonly path: string;
  private writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.path = join(folder, 'node.json');
  }

  /** Null when there is none that can be used. */
  async recall(): Promise<SwarmMembership | null> {
    return readFile(this.path, 'utf8').then(parseMembership, () => null);
  }

  /** One after the other; rejects when the disk does. */
  remember(membership: SwarmMembership): Promise<void> {
    this.writing = this.writing.catch(() => undefined).then(() => writeAtomically(this.path, printMembership(membership)));
    return this.writing;
  }
}
