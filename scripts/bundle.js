/**
 * Compiles src/cli/main.ts with all that it imports, packages too, into dist/src/cli: a few files where there are 500
 * modules otherwise, which Node.js would look up, read and compile one by one at each start of the command. What a command
 * imports when it is called stays in files of its own. Types are checked elsewhere (`npm run typecheck`).
 *
 * All files are in one folder beside page/, as in src: modules that find their neighbours by `import.meta.url` find them.
 */
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

const folder = 'dist/src/cli';

/**
 * What dockerode brings for building images (BuildKit's sessions, with a gRPC and a protobuf of their own) and for Docker over
 * ssh is never called, and would be more than half of the code that every controller loads: in its place is an empty module.
 */
const leavingOut = {
  name: 'leaving out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(\.\/session|\.\/buildkit|\.\/ssh)$/ }, ({ path, importer }) =>
      /node_modules\/(dockerode|docker-modem)\/lib\//.test(importer) ? { path, namespace: 'left out' } : undefined);
    onLoad({ filter: /.*/, namespace: 'left out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

// Files of an earlier build have other names.
rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: ['src/cli/main.ts'],
  outdir: folder,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  plugins: [leavingOut],
  // koffi finds its native binary beside itself.
  external: ['koffi'],
  // CommonJS packages have two words that ES modules lack. Whatever they keep beside themselves (dockerode's descriptions
  // for building images) is not there, and nothing of it is used.
  banner: {
    js: [
      "import { createRequire as createRequireForPackages } from 'node:module';",
      'const require = createRequireForPackages(import.meta.url);',
      'const __dirname = import.meta.dirname;',
    ].join('\n'),
  },
  logLevel: 'warning',
});
