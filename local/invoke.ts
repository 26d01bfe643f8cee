/** Calls a registered function with the app's invocation hooks around it, in the worker's order. */
import type { InvocationContext } from '@azure/functions';
import { hooksOf, type Registration } from './core';

/** Resolves with what the function (or its hooks) returned; rejects with what it threw. */
export async function invoke(registration: Registration, inputs: unknown[], context: InvocationContext): Promise<unknown> {
  const before = hooksOf('preInvocation');
  const after = hooksOf('postInvocation');
  if (before.length === 0 && after.length === 0) return registration.callback(...inputs, context);

  // One object for all hooks: they may replace the inputs, the function, the result and the error.
  const shared = {
    hookData: {},
    appHookData: {},
    invocationContext: context,
    functionCallback: registration.callback,
    inputs,
    result: undefined as unknown,
    error: undefined as Error | null | undefined,
  };
  for (const hook of before) await hook(shared);
  try {
    shared.result = await shared.functionCallback(...shared.inputs, context);
  } catch (error) {
    shared.error = error as Error;
  }
  for (const hook of after) await hook(shared);
  if (shared.error !== null && shared.error !== undefined) throw shared.error;
  return shared.result;
}
