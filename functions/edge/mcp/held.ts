/**
 * Calls that people approve first, as tasks of MCP (the extension `io.modelcontextprotocol/tasks`): the task is the
 * action at the gate, which is there for good. It is given by itself once people approve, so a client only looks.
 */
import { z } from 'zod';
import type { Action } from '../../../contract/oversight/actions';
import type { Shown } from '../../../contract/route';

export const TASKS = 'io.modelcontextprotocol/tasks';

/** How long a client waits between two looks, in milliseconds: people take their time. */
const LOOK_MS = 5_000;

export const TaskParams = z.looseObject({ taskId: z.string() });

/** Whether the client of a message takes tasks for results: each says so for itself. */
export function takesTasks(message: object): boolean {
  const { params } = message as { readonly params?: { readonly _meta?: Readonly<Record<string, unknown>> } };
  const declared = params?._meta?.['io.modelcontextprotocol/clientCapabilities'];
  const { extensions } = (declared ?? {}) as { readonly extensions?: Readonly<Record<string, unknown>> };
  return extensions?.[TASKS] !== undefined;
}

/** What of an action is told as a task: it has ended when the call was given, or never will be. */
export function taskOf(action: Shown<typeof Action>, caller: string): Record<string, unknown> {
  const { id, status, given, stopped, proposed_at, decided_at, executed } = action;
  const common = {
    taskId: id,
    createdAt: proposed_at,
    lastUpdatedAt: executed?.at ?? decided_at ?? proposed_at,
    ttlMs: null,
    pollIntervalMs: LOOK_MS,
  };
  if (given?.refused !== undefined)
    return { ...common, ...completed(`It was approved, and refused after all: ${given.refused}`, true) };
  if (given !== undefined)
    return {
      ...common,
      ...completed(`People approved it, and it was done; its receipt is ${given.receipt ?? 'none'}.`),
    };
  if (status === 'refused' && stopped?.by === caller)
    return { ...common, status: 'cancelled', statusMessage: stopped.reason };
  if (status === 'refused' || status === 'vetoed')
    return {
      ...common,
      ...completed(`It is not done: ${stopped?.by ?? 'the rules'} said no: ${stopped?.reason ?? status}`, true),
    };
  return { ...common, status: 'working', statusMessage: `People approve this first: see the action ${id}.` };
}

function completed(text: string, isError = false): Record<string, unknown> {
  return { status: 'completed', statusMessage: text, result: { content: [{ type: 'text', text }], isError } };
}
