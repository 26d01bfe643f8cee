/**
 * Puts the window together: `node web/build.mjs [TO]`, by default into `dist/web`. One script and one style sheet, whose
 * names hold their hashes, the page that loads them, and the licences of what is in them. TO is emptied first.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { noticesOf } from '../tools/notices.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const to = resolve(process.argv[2] ?? join(ROOT, 'dist', 'web'));

rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: { window: 'web/main.tsx' },
  outdir: to,
  entryNames: '[name]-[hash]',
  ...{ bundle: true, format: 'esm', platform: 'browser', target: ['chrome123', 'firefox120', 'safari17.5'] },
  ...{ jsx: 'automatic', jsxImportSource: 'preact' },
  ...{ minify: true, legalComments: 'none', metafile: true, logLevel: 'warning' },
});

const made = Object.keys(metafile.outputs).map((file) => basename(file));
const script = made.find((file) => file.endsWith('.js'));
const style = made.find((file) => file.endsWith('.css'));
const icon = hashed('icon.svg', readFileSync(join(ROOT, 'web', 'icon.svg')));
const licences = hashed('licences.txt', noticesOf(ROOT, Object.keys(metafile.inputs)).text);
const page = readFileSync(join(ROOT, 'web', 'index.html'), 'utf8')
  .replaceAll('window.js', script)
  .replaceAll('window.css', style)
  .replaceAll('icon.svg', icon)
  .replaceAll('licences.txt', licences);
writeFileSync(join(to, 'index.html'), page);
copyFileSync(join(ROOT, 'LICENSE'), join(to, 'LICENSE'));

const packed = [script, style].map((file) => gzipSync(readFileSync(join(to, file)), { level: 9 }).length);
console.error(`${to}: ${(packed.reduce((sum, bytes) => sum + bytes, 0) / 1_000).toFixed(1)} kB packed`);

/** Writes a file under a name that changes with what is in it; gives the name. */
function hashed(name, content) {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const [stem, ending] = name.split('.');
  const file = `${stem}-${hash}.${ending}`;
  writeFileSync(join(to, file), content);
  return file;
}
