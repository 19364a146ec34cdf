/** The page's own files, read once: a request never names a path. */
import { readdir, readFile } from 'node:fs/promises';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Where the build puts them, beside this module's folder. */
export const pageFolder = new URL('../page/', import.meta.url);

/** By the path of the request: `/` is index.html. */
export async function readPageFiles(folder: URL = pageFolder): Promise<ReadonlyMap<string, PageFile>> {
  const names = (await readdir(folder)).filter((name) => typeOf(name) !== undefined);
  if (!names.includes('index.html')) throw new Error(`The page is not built: there is no index.html in ${folder.pathname}. Run \`npm run build\`.`);
  const files = await Promise.all(
    names.map(async (name): Promise<[string, PageFile]> => [name === 'index.html' ? '/' : `/${name}`, { type: typeOf(name) ?? '', content: await readFile(new URL(name, folder)) }]),
  );
  return new Map(files);
}

function typeOf(name: string): string | undefined {
  return types[/\.([a-z]+)$/.exec(name)?.[1] ?? ''];
}
