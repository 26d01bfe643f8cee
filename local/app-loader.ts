/** Loads a compiled Functions app as the worker does: entry files, start hooks, then the registrations are final. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { hooksOf, installCore, lockRegistrations, type Registration, registrations } from './core';

export interface LoadedApp {
  readonly registrations: readonly Registration[];
  /** Runs what the app registered with `app.hook.appTerminate`. */
  terminate(): Promise<void>;
}

/**
 * Requires the functions of the app in `directory`, which register themselves; nothing is started. What a file throws
 * is told in one line, with the file.
 */
export function loadFunctions(directory: string): void {
  const files = entryFiles(directory);
  installCore();
  for (const file of files)
    try {
      require(file);
    } catch (error) {
      const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      throw new Error(`${file}: ${line}`, { cause: error });
    }
}

/**
 * Loads the app in `directory`: the files that `main` of its package.json names (a glob, as on Azure), in order of
 * their names. One app per process. Throws when there is nothing to load or a file or start hook throws.
 */
export async function loadApp(directory: string): Promise<LoadedApp> {
  loadFunctions(directory);
  const shared = { hookData: {}, appHookData: {}, functionAppDirectory: directory };
  for (const hook of hooksOf('appStart')) await hook(shared);
  lockRegistrations();
  return {
    registrations: registrations(),
    async terminate() {
      for (const hook of hooksOf('appTerminate')) await hook(shared);
    },
  };
}

function entryFiles(directory: string): string[] {
  const { main } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as { main?: string };
  if (main === undefined)
    throw new Error(`${path.join(directory, 'package.json')} has no "main": it must name the compiled functions`);
  const files = globSync(main, { cwd: directory }).toSorted();
  if (files.length === 0)
    throw new Error(`no file in ${directory} matches "${main}" ("main" in package.json): is the app compiled?`);
  return files.map((file) => path.join(directory, file));
}
