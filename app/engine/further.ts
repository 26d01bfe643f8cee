/**
 * Capabilities that the colony does not name: whatever folder of app/ holds a `module` besides those that it does. So a
 * capability is added by its own folders alone. Nobody has seen the colony start with them: what they bring is checked,
 * and what is wrong with it, or goes wrong in it, is told with the name of its file.
 */
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { isPartName, PART_NAME_RULE } from '../../domain/kernel/ids';
import { NEWEST_NOTE } from './clock-check';
import type { Engine } from './engine';
import type { Consumer } from './feed';
import { CONSUMER_GROUPS, HOOKS, type Module } from './module';
import { StoreUnavailable } from './reachable';
import { SERVING_NOTE } from './views';
import { ALIVE_NOTE } from './watchdog';

/** Opens a module; `services` are those of the modules before it, by name. */
type Open = (engine: Engine, services: Services) => unknown;
type Services = Readonly<Record<string, unknown>>;

/** A module that was found is no module, takes what is taken, or has failed. The message names its file. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError';
}

/** A module that was found, and where. */
export interface Found {
  readonly file: string;
  readonly module: Module;
}

/**
 * Opens the modules of those folders in `app` that are not `named`, in order of their names: each exports a function
 * `<folder>Module`. Throws `ModuleError`.
 * @param services of the modules that are named, by name
 */
export function openFurther(app: string, named: readonly string[], engine: Engine, services: Services): Found[] {
  // Compiled or not, they end as this file does.
  const fileIn = (folder: string) => join(app, folder, `module${extname(__filename)}`);
  const folders = readdirSync(app).filter((name) => !named.includes(name) && existsSync(fileIn(name)));
  const consumers = new Set<string>(CONSUMERS);
  return folders.sort().map((folder) => {
    const file = fileIn(folder);
    const opened = openIn(file, `${folder}Module`, engine, services);
    const fault = faultOf(opened) ?? consumerFault(opened as Module, consumers);
    if (fault !== undefined) throw new ModuleError(`${file}: ${fault}`);
    return { file, module: attributed(file, opened as Module) };
  });
}

/**
 * What modules that were found offer, by name. Throws `ModuleError` when something has the name of what the colony has
 * already: a part, a service or a method of its own.
 */
export function furtherServices(found: readonly Found[], colony: object): object {
  const services: Record<string, unknown> = {};
  for (const { file, module } of found)
    for (const [name, service] of Object.entries(module.services)) {
      if (name in colony || name in services)
        throw new ModuleError(`${file}: it offers a service called '${name}', which the colony has already: rename it`);
      services[name] = service;
    }
  return services;
}

function openIn(file: string, name: string, engine: Engine, services: Services): unknown {
  let open: Open | undefined;
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    open = (require(file) as Readonly<Record<string, Open | undefined>> | undefined)?.[name];
  } catch (error) {
    throw failure(file, 'it could not be loaded', error);
  }
  if (typeof open !== 'function')
    throw new ModuleError(`${file}: it exports no function ${name}: the colony calls that to open the module`);
  try {
    return open(engine, { ...services });
  } catch (error) {
    throw failure(file, `${name} failed`, error);
  }
}

/** What keeps a value from being a module, in words. */
function faultOf(module: unknown): string | undefined {
  if (!isObject(module)) return "its function must answer an object with the module's services";
  if (typeof module['then'] === 'function')
    return 'its function must answer the module itself, not a promise of it: what takes time goes into open';
  const parts: readonly string[] = ['services', 'consumers', ...HOOKS];
  const unknown = Object.keys(module).find((part) => !parts.includes(part));
  if (unknown !== undefined) return `it has a part '${unknown}', which is not known: a module has ${parts.join(', ')}`;
  if (!isObject(module['services'])) return 'services must be an object: what others may call, by name; {} for nothing';
  const hook = HOOKS.find((name) => module[name] !== undefined && typeof module[name] !== 'function');
  if (hook !== undefined) return `${hook} must be a function`;
  const { consumers = {} } = module;
  if (!isObject(consumers)) return 'consumers must be an object: lists of consumers by their group';
  const groups: readonly string[] = CONSUMER_GROUPS;
  for (const [group, members] of Object.entries(consumers)) {
    if (!groups.includes(group)) return `there is no group '${group}' of consumers: ${groups.join(', ')}`;
    if (!Array.isArray(members) || !members.every(isConsumer))
      return `each of the consumers in '${group}' must have a name (${PART_NAME_RULE}) and a function handle`;
  }
  return undefined;
}

/** Two consumers of one name would share a checkpoint and a queue: what one has handled the other would never get. */
function consumerFault({ consumers = {} }: Module, taken: Set<string>): string | undefined {
  for (const { name } of Object.values(consumers).flat()) {
    if (taken.has(name) || name === ALIVE_NOTE || name === NEWEST_NOTE || name.startsWith(SERVING_NOTE))
      return `it has a consumer called '${name}', a name that is taken: rename it`;
    taken.add(name);
  }
  return undefined;
}

function isConsumer(value: unknown): value is Consumer {
  return isObject(value) && isPartName(value['name']) && typeof value['handle'] === 'function';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The module, with its file named in what its hooks throw. */
function attributed(file: string, module: Module): Module {
  const hook = (name: (typeof HOOKS)[number]) => async (signal: AbortSignal) => {
    try {
      await module[name]?.(signal);
    } catch (error) {
      // What the stores fail with is not the module's fault.
      throw error instanceof StoreUnavailable ? error : failure(file, `its ${name} failed`, error);
    }
  };
  const { services, consumers } = module;
  return { services, consumers, ...Object.fromEntries(HOOKS.map((name) => [name, hook(name)])) };
}

function failure(file: string, what: string, error: unknown): ModuleError {
  return new ModuleError(`${file}: ${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
