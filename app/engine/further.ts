/**
 * Capabilities that the colony does not name: whatever folder of app/ holds a `module` besides those that it does. So a
 * capability is added by its own folders alone.
 */
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Engine } from './engine';
import type { Module } from './module';

/** Opens a module; `services` are those of the modules before it, by name. */
type Open = (engine: Engine, services: Readonly<Record<string, unknown>>) => Module;

/**
 * The functions `<folder>Module` of the folders in `app` that are not `named`, in order of their names. Throws when a
 * module has no such function.
 */
export function furtherModules(app: string, named: readonly string[]): Open[] {
  // Compiled or not, they end as this file does.
  const file = `module${extname(__filename)}`;
  const folders = readdirSync(app).filter((name) => !named.includes(name) && existsSync(join(app, name, file)));
  return folders.sort().map((folder) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const open = (require(join(app, folder, file)) as Readonly<Record<string, Open | undefined>>)[`${folder}Module`];
    if (open === undefined) throw new Error(`app/${folder}/module exports no function ${folder}Module`);
    return open;
  });
}

/**
 * What further modules offer, by name. Throws when something has the name of what the colony has already: a part, a
 * service or a method of its own.
 */
export function furtherServices(modules: readonly Module[], colony: object): object {
  const services: Record<string, unknown> = {};
  for (const module of modules)
    for (const [name, service] of Object.entries(module.services)) {
      if (name in colony || name in services)
        throw new Error(`a module offers a service called '${name}', which the colony has already: rename it`);
      services[name] = service;
    }
  return services;
}
