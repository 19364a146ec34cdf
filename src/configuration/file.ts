/** The configuration file, with the position of each of its values for messages. */
import { readFile } from 'node:fs/promises';
import type { YAMLMap } from 'yaml';
import { ConfigurationError } from './error.js';

export interface ConfigurationFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** `/etc/routemesh/config.yaml:3:16`: where the key, or its value, stands. */
  place(key: string): string;
}

/** Far more than anybody writes by hand; keeps a wrong path (a disk, a log) from being read into memory. */
const mostCharacters = 1_000_000;

/** Null when there is no such file. Rejects with ConfigurationError. */
export async function readConfigurationFile(path: string): Promise<ConfigurationFile | null> {
  const text = await readText(path);
  if (text === null) return null;
  // Loaded only where there is a file: it is a fifth of the time that `status` takes.
  const { isMap, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw new ConfigurationError(document.errors.map((error) => `${at(error.pos[0])}: This is not YAML: ${error.message}`));
  }
  if (document.contents === null) return { values: {}, place: () => path };
  if (!isMap(document.contents)) {
    throw new ConfigurationError([`${at(document.contents.range[0])}: Expected a list of \`key: value\` lines, such as "gatewaySubnet: 172.30.0.0/24"`]);
  }
  const map = document.contents as YAMLMap;
  return {
    // maxAliasCount 0: a configuration has no use for aliases, and a bomb is made of them.
    values: toValues(() => document.toJS({ maxAliasCount: 0 }) as Record<string, unknown>, path),
    place: (key) => {
      const pair = map.items.find((item) => String(item.key) === key);
      const range = (pair?.key as { range?: [number, number, number] | null } | undefined)?.range;
      return range ? at(range[0]) : path;
    },
  };
}

function toValues(convert: () => Record<string, unknown>, path: string): Record<string, unknown> {
  try {
    return convert();
  } catch (error) {
    throw new ConfigurationError([`${path}: Expected plain values without aliases: ${(error as Error).message}`]);
  }
}

async function readText(path: string): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConfigurationError([`The configuration file ${path} can't be read: ${(error as Error).message}`]);
  }
  if (text.length > mostCharacters) throw new ConfigurationError([`The configuration file ${path} is larger than ${mostCharacters} characters: is it the right file?`]);
  return text;
}
