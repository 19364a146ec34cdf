/** Writes a file whole beside the old one and renames it over: a crash leaves one or the other. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** For root's eyes only. One writer of a path at a time. A long text comes in pieces. */
export async function writeAtomically(path: string, text: string | Iterable<string>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // Whatever a crash left behind is not ours to trust: `wx` makes a new file, never follows a link.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      // Each goes behind the one before: a file's handle keeps its place.
      for (const piece of typeof text === 'string' ? [text] : text) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
