/** Reads a file whole, unless it is longer than any of its kind can be: then it would only take memory. */
import { open } from 'node:fs/promises';

/** `longest` in bytes. */
export async function readBounded(path: string, longest: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > longest) throw new Error(`it has ${size} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
