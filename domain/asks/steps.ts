/** From the name of an operation and its values to a step of a plan: the one way, for the grammar and for a model. */
import { own } from '../kernel/own';
import { readTime } from '../kernel/time';
import { type Operation, type OperationId, OPERATIONS, type Slot } from './operations';
import type { Request, Step } from './plan';
import { KINDS } from './values';

/** Values by the names of an operation's slots; one that is undefined is not given. */
export type Values = Readonly<Record<string, unknown>>;

const MICRO_USD = 1_000_000;

const spec = (operation: OperationId): Operation => OPERATIONS[operation];

export function isOperation(name: string): name is OperationId {
  return own(OPERATIONS, name) !== undefined;
}

/** The step, or what is wrong with a value, in a sentence. */
export function stepOf(operation: OperationId, values: Values): Step | string {
  const { of = operation, command, does, risk, slots, json } = spec(operation);
  const unknown = Object.keys(values).find((name) => values[name] !== undefined && own(slots, name) === undefined);
  if (unknown !== undefined) return `${operation} takes no ${unknown}`;
  for (const [name, slot] of Object.entries(slots)) {
    const fault = faultOf(slot, values[name]);
    if (fault !== undefined) return `the ${name} of ${operation} ${fault}`;
  }
  const given = Object.entries(slots).filter(([name]) => values[name] !== undefined);
  const request = requestOf(given.map(([name, slot]) => [slot, values[name]]));
  const kept = given.flatMap(([name, { to }]) => (to === undefined ? [[name, values[name]] as const] : []));
  const typed = given.map(([name, slot]) => [slot, values[name]] as const);
  const argv =
    json === true
      ? [JSON.stringify(request.body)]
      : [...typed.filter(([{ option }]) => option === undefined), ...typed.filter(([slot]) => slot.option)].flatMap(
          ([slot, value]) => argumentsOf(slot, value),
        );
  return {
    ...{ operation: of, request, risk, does, argv: [...command.split(' '), ...argv] },
    ...(kept.length === 0 ? {} : { own: Object.fromEntries(kept) }),
  };
}

function faultOf({ kind, required, choices, option }: Slot, value: unknown): string | undefined {
  if (value === undefined) return required ? 'is missing' : undefined;
  if (!KINDS[kind].is(value)) return KINDS[kind].rule;
  // Behind a command it would be an option.
  if (option === undefined && typeof value === 'string' && value.startsWith('-')) return 'must not begin with -';
  const unknown = choices !== undefined && own(choices, value as string) === undefined;
  return unknown ? `must be one of ${Object.keys(choices).join(', ')}` : undefined;
}

/** The fields of a path, a query and a body, with the values as the API takes them. */
function requestOf(given: readonly (readonly [Slot, unknown])[]): Request {
  const request: Record<string, Record<string, unknown>> = {};
  for (const [slot, value] of given) {
    if (slot.to === undefined) continue;
    const path = slot.to.split('.');
    let at: Record<string, unknown> = request;
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>;
    at[path.at(-1) as string] = wireOf(slot, value);
  }
  return request;
}

function wireOf({ kind, choices, sends }: Slot, value: unknown): unknown {
  if (sends !== undefined) return sends;
  if (choices !== undefined) return choices[value as string];
  if (kind === 'usd') return Math.round((value as number) * MICRO_USD);
  const read = kind === 'time' ? readTime(value as string) : undefined;
  return read !== undefined && 'time' in read ? read.time : value;
}

function argumentsOf({ option, kind }: Slot, value: unknown): string[] {
  if (kind === 'flag') return [option as string];
  const text = kind === 'about' ? JSON.stringify({ about: value }) : String(value);
  return option === undefined ? [text] : [option, text];
}

/** An operation as a model is told of it: its name, what it does, and the JSON Schema of its values. */
export interface Tool {
  readonly name: OperationId;
  readonly description: string;
  readonly parameters: object;
}

export function tools(): Tool[] {
  return (Object.keys(OPERATIONS) as OperationId[]).map((name) => {
    const { does, slots } = spec(name);
    const properties = Object.entries(slots).map(([slot, { kind, choices, says }]) => [
      slot,
      {
        ...KINDS[kind].schema,
        ...(choices === undefined ? {} : { enum: Object.keys(choices) }),
        ...(says === undefined ? {} : { description: says }),
      },
    ]);
    return {
      name,
      description: does,
      parameters: {
        type: 'object',
        properties: Object.fromEntries(properties) as object,
        required: Object.keys(slots).filter((slot) => slots[slot]?.required === true),
        additionalProperties: false,
      },
    };
  });
}
