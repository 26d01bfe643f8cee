/** The licences of the packages that are put into something that is handed on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The text of all notices, in order of the packages' names. Throws when a package says nothing of its licence.
 *
 * @param root where the packages are installed
 * @param files that were bundled, as esbuild's metafile names them
 */
export function noticesOf(root, files) {
  const packages = packagesOf(files);
  const text = packages.map((folder) => noticeOf(root, folder)).join(`\n${'-'.repeat(80)}\n\n`);
  return { count: packages.length, text };
}

/** The folders of the packages that files are from. */
function packagesOf(files) {
  const folders = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/** What its licence wants to be handed on. */
function noticeOf(root, folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const texts = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  // Some say it there, and nowhere else.
  if (license === undefined && texts.length === 0)
    texts.push(...readdirSync(join(root, folder)).filter((file) => /^readme/i.test(file)));
  const said = texts.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  if (license === undefined && !said.some((text) => /licen[cs]e/i.test(text)))
    throw new Error(`${folder} says nothing of its licence`);
  return [`${name} ${version} (${license ?? 'see below'})`, ...said].join('\n\n').concat('\n');
}
