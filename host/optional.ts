/** Packages that only some settings need: they don't come with an installation of their own accord. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SettingsError } from './config';

/** Where package.json stands: this file is compiled to dist/host/optional.js. */
const MANIFEST = resolve(__dirname, '../../package.json');

/**
 * Loads code that rests on packages that may not be installed.
 * @param what what needs them, as the beginning of a sentence, for example `the profile azure`
 * @param packages their names begin so, for example `@azure/`
 * @throws SettingsError that says what to install, when they are not there
 */
export async function withPackages<T>(what: string, packages: RegExp, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new SettingsError(
      `${what} needs packages that are not installed: npm install ${optionalPackages(packages).join(' ')}`,
      { cause: error },
    );
  }
}

function optionalPackages(pattern: RegExp): string[] {
  const { peerDependencies } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as {
    peerDependencies: Record<string, string>;
  };
  return Object.entries(peerDependencies)
    .filter(([name]) => pattern.test(name))
    .map(([name, version]) => `${name}@${version}`);
}
