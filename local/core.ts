/**
 * The module `@azure/functions-core`, which the Functions worker supplies at run time and which exists on no
 * registry: `@azure/functions` requires it to hand over what the app registers. This file is that module for the
 * development host, and the host's view of what was collected.
 */
import Module from 'node:module';
import { format } from 'node:util';
import type { InvocationContext } from '@azure/functions';

/** One binding of a function: its trigger, an input or an output, with the options that the app gave. */
export interface Binding {
  readonly type: string;
  readonly name: string;
  readonly direction: 'in' | 'out';
  readonly [option: string]: unknown;
}

type Callback = (...args: unknown[]) => unknown;

export interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  /** By binding name: the trigger, further inputs, `$return`, further outputs. */
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: Readonly<Record<string, unknown>>;
}

/** A function as the app registered it. */
export interface Registration extends FunctionMetadata {
  readonly callback: Callback;
}

/** What the library makes of what the host hands over for one call. */
export interface InvocationModel {
  getArguments(): Promise<{ readonly context: InvocationContext; readonly inputs: unknown[] }>;
}

/** What the library gives to the worker; of it, what this host uses. */
export interface ProgrammingModel {
  getInvocationModel(context: {
    readonly invocationId: string;
    readonly request: unknown;
    readonly metadata: FunctionMetadata;
    readonly log: (level: string, category: string, message: string) => void;
  }): InvocationModel;
}

export type HookName = 'preInvocation' | 'postInvocation' | 'appStart' | 'appTerminate';

// ------------------------------------------------------------------------------- what @azure/functions is given

/** The worker generation whose module this one imitates. */
export const version = '3.9.1';
export const hostVersion = '4.1037.0';

export class Disposable {
  readonly #onDispose: () => void;

  constructor(onDispose: () => void) {
    this.#onDispose = onDispose;
  }

  static from(...disposables: { dispose(): void }[]): Disposable {
    return new Disposable(() => disposables.forEach((disposable) => disposable.dispose()));
  }

  dispose(): void {
    this.#onDispose();
  }
}

let programmingModel: ProgrammingModel | undefined;
let locked = false;
const functions = new Map<string, Registration>();
const hooks: Record<HookName, Callback[]> = { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [] };

export function setProgrammingModel(model: ProgrammingModel): void {
  programmingModel = model;
}

export function getProgrammingModel(): ProgrammingModel | undefined {
  return programmingModel;
}

/** Throws when the name is taken, and when the app has already started. */
export function registerFunction(metadata: FunctionMetadata, callback: Callback): Disposable {
  if (locked) throw new Error(`function "${metadata.name}" is registered after the app has started`);
  // Names become URLs and file names on Azure, where case does not tell them apart.
  const key = metadata.name.toLowerCase();
  if (functions.has(key)) throw new Error(`a function named "${metadata.name}" is already registered`);
  functions.set(key, { ...metadata, callback });
  return new Disposable(() => {
    if (locked) throw new Error(`function "${metadata.name}" cannot be removed after the app has started`);
    functions.delete(key);
  });
}

/** Throws a RangeError for a hook that this generation does not know; `@azure/functions` looks for its mark. */
export function registerHook(name: string, callback: Callback): Disposable {
  const list = (hooks as Record<string, Callback[] | undefined>)[name];
  if (list === undefined)
    throw Object.assign(new RangeError(`unknown hook "${name}"`), { isAzureFunctionsSystemError: true });
  list.push(callback);
  return new Disposable(() => void list.splice(list.indexOf(callback), 1));
}

/** Takes the log lines of the library and of functions; only those that a developer must see are printed. */
export function log(level: string, category: string, message: string): void {
  if (category === 'user' && level === 'information') console.log(message);
  if (level === 'warning' || level === 'error' || level === 'critical') console.error(format('%s: %s', level, message));
}

// -------------------------------------------------------------------------------------------- what the host uses

/** Makes `require('@azure/functions-core')` answer with this module; must come before the app's first registration. */
export function installCore(): void {
  const original = Reflect.get(Module.prototype, 'require') as NodeJS.Require &
    ((this: NodeModule, id: string) => unknown);
  Module.prototype.require = Object.assign(function (this: NodeModule, id: string): unknown {
    return id === '@azure/functions-core' ? exports : original.call(this, id);
  }, original);
}

/** From now on registrations are refused. */
export function lockRegistrations(): void {
  locked = true;
}

export function registrations(): readonly Registration[] {
  return [...functions.values()];
}

const inputs = new Map<string, unknown>();

/** Gives the value that every function with an input binding of `type` finds in its extra inputs. */
export function supplyInput(type: string, value: unknown): void {
  inputs.set(type, value);
}

export function inputOf(type: string): unknown {
  return inputs.get(type);
}

export function triggerOf({ name, bindings }: Registration): Binding {
  const trigger = Object.values(bindings).find(({ type }) => type.endsWith('Trigger'));
  if (trigger === undefined) throw new Error(`function ${name} has no trigger`);
  return trigger;
}

export function hooksOf(name: HookName): readonly Callback[] {
  return hooks[name];
}
