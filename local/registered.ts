/** Functions of whoever has no app of compiled files: a measurement, for example. */
import type * as Functions from '@azure/functions';
import { installCore, type Registration, registrations } from './core';

/** What the library makes of a function that `register` registers under this name, as the host is given it. */
export function registered(name: string, register: (app: typeof Functions.app) => void): Registration {
  // Not above: the library looks for its host when its first function is registered.
  installCore();
  register((require('@azure/functions') as typeof Functions).app);
  return registrations().find((each) => each.name === name) as Registration;
}
