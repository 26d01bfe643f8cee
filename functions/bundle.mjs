/**
 * Puts together what is uploaded to Azure, from the compiled code: `node functions/bundle.mjs [FROM [TO]]`. The app and
 * the packages that it uses are one file, so that a start reads one file and nothing is installed or compiled there;
 * beside it lie the rules of policy, the window, host.json, and the licences of the packages. TO is emptied first.
 */
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';
import { noticesOf } from '../tools/notices.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const from = resolve(process.argv[2] ?? ROOT);
const to = resolve(process.argv[3] ?? join(from, 'dist', 'azure'));

const { name, version, license, main } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
const entries = globSync(main, { cwd: from }).sort();
if (entries.length === 0) throw new Error(`no file in ${from} matches "${main}": is the app compiled?`);

/** The SDKs are loaded by a `require` that Node makes, which no bundler follows: here it is the one that it does. */
const followed = {
  name: 'followed',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]dist[\\/](adapters|app)[\\/].+\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /(?:\bload|\(0, \w+\.createRequire\)\(__filename\))\((?=['"]@)/g,
        'require(',
      ),
    }));
  },
};

rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
const { metafile } = await build({
  stdin: { contents: entries.map((file) => `require(${JSON.stringify(`./${file}`)});`).join('\n'), resolveDir: from },
  outfile: join(to, 'app', 'index.js'),
  plugins: [followed],
  // The worker supplies it at run time.
  external: ['@azure/functions-core'],
  ...{ bundle: true, platform: 'node', target: 'node22', format: 'cjs' },
  // Names stay: logs and errors tell them.
  ...{ minifySyntax: true, minifyWhitespace: true, legalComments: 'none' },
  ...{ metafile: true, absWorkingDir: from, preserveSymlinks: true, logLevel: 'warning' },
});

const notices = noticesOf(from, Object.keys(metafile.inputs));
writeFileSync(join(to, 'THIRD-PARTY-NOTICES.txt'), notices.text);
const manifest = { name, version, license, private: true, main: 'app/index.js' };
writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
cpSync(join(from, 'host.json'), join(to, 'host.json'));
cpSync(join(ROOT, 'LICENSE'), join(to, 'LICENSE'));
cpSync(join(from, 'policies', 'bundle'), join(to, 'policies', 'bundle'), { recursive: true });
cpSync(join(from, 'dist', 'web'), join(to, 'web'), { recursive: true });

const files = globSync('**', { cwd: to }).map((file) => join(to, file));
const contents = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file));
const packed = contents.map((content) => deflateRawSync(content));
console.log(`${to}: ${kilobytes(contents)} kB, ${kilobytes(packed)} kB packed, of ${notices.count} packages`);

function kilobytes(buffers) {
  return Math.round(buffers.reduce((sum, { length }) => sum + length, 0) / 1_000);
}
