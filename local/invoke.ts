/** Calls a registered function with the app's invocation hooks around it, in the worker's order. */
import { randomUUID } from 'node:crypto';
import { InvocationContext, type RetryContext } from '@azure/functions';
import { hooksOf, inputOf, triggerOf, type Registration } from './core';

/** The context of one call, with the function's further inputs in it. */
export function newContext(registration: Registration, triggerMetadata?: Record<string, unknown>, retryContext?: RetryContext): InvocationContext {
  const trigger = triggerOf(registration);
  const extraInputs = Object.values(registration.bindings).filter((binding) => binding.direction === 'in' && binding !== trigger);
  const options = { trigger, extraInputs };
  const context = new InvocationContext({ invocationId: randomUUID(), functionName: registration.name, triggerMetadata, retryContext, options });
  for (const { name, type } of extraInputs) context.extraInputs.set(name, inputOf(type));
  return context;
}

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
