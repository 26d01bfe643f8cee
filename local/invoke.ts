/** Calls a registered function with the app's invocation hooks around it, in the worker's order. */
import { randomUUID } from 'node:crypto';
import { InvocationContext, type RetryContext } from '@azure/functions';
import {
  type Binding,
  getProgrammingModel,
  hooksOf,
  inputOf,
  type InvocationModel,
  log,
  type Registration,
  triggerOf,
} from './core';
import { jsonData, type TypedData } from './typed-data';

/** What a trigger hands over, as the Functions host sends it to the worker. */
export interface Handed {
  readonly data: TypedData;
  /** Names as the host has them, with a capital first. */
  readonly metadata?: Readonly<Record<string, TypedData>>;
  readonly retryContext?: RetryContext;
}

/**
 * Calls a function with what a trigger hands over. It is decoded by the library of the app itself, as under the worker:
 * a function gets here what it gets on Azure. Resolves and rejects as `invoke` does.
 */
export async function handOver(
  registration: Registration,
  { data, metadata = {}, retryContext }: Handed,
): Promise<unknown> {
  const invocationId = randomUUID();
  const inputData = [
    { name: nameOf(registration, triggerOf(registration)), data },
    ...extraInputsOf(registration).map((binding) => ({
      name: nameOf(registration, binding),
      data: jsonData(inputOf(binding.type)),
    })),
  ];
  const request = { invocationId, inputData, triggerMetadata: metadata, retryContext };
  const model = modelOf(registration, { invocationId, request, metadata: registration, log });
  const { context, inputs } = await model.getArguments();
  return await invoke(registration, inputs, context);
}

function modelOf(
  { name }: Registration,
  context: Parameters<NonNullable<ReturnType<typeof getProgrammingModel>>['getInvocationModel']>[0],
): InvocationModel {
  const model = getProgrammingModel();
  if (model === undefined) throw new Error(`function ${name} was not registered with @azure/functions`);
  return model.getInvocationModel(context);
}

function nameOf({ bindings }: Registration, binding: Binding): string {
  return Object.keys(bindings).find((name) => bindings[name] === binding) as string;
}

function extraInputsOf(registration: Registration): Binding[] {
  const trigger = triggerOf(registration);
  return Object.values(registration.bindings).filter((binding) => binding.direction === 'in' && binding !== trigger);
}

/** What makes the context of each call over HTTP, with the function's further inputs in it. */
export function contextsOf(registration: Registration): () => InvocationContext {
  const extraInputs = extraInputsOf(registration);
  const options = { trigger: triggerOf(registration), extraInputs };
  return () => {
    const context = new InvocationContext({ invocationId: randomUUID(), functionName: registration.name, options });
    for (const { name, type } of extraInputs) context.extraInputs.set(name, inputOf(type));
    return context;
  };
}

/** Resolves with what the function (or its hooks) returned; rejects with what it threw. */
export async function invoke(
  registration: Registration,
  inputs: unknown[],
  context: InvocationContext,
): Promise<unknown> {
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
