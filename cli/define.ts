/** How commands are declared: what each says of itself, and how what was given reaches it. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Formicary } from '../client/client';
import type { Causal } from '../domain/audit/causality';
import { readNumber } from '../domain/kernel/number';
import { bold, CALL, type Context, contextOf, type Globals, styled } from './terminal';

export const EXIT_CODES = `
Ends with 0 when done, 1 when what was asked for was refused or does not hold (verify, recompute, tally), 2 when it could not
be done: wrong usage, no host, no file.`;

/** Reads something by its id as it is, or as it was at a time (RFC 3339). */
export type ReadAsOf = (client: Formicary, id: string, asOf?: string) => Promise<object>;

/** What `formicary asof` can show, by the name of its kind. */
export type Kinds = Readonly<Record<string, ReadAsOf>>;

/** What all capabilities together add, for commands that are about each of them. */
export interface All {
  readonly kinds: Kinds;
  readonly aggregates: readonly Causal[];
}

/** Something that a capability adds to the command line. */
export interface Addition {
  /** Where it stands in `--help` and among the kinds of `asof`, smaller ones first; at the end without. */
  readonly order?: number;
  readonly declare?: (program: Command, all: All) => void;
  readonly asOf?: Kinds;
  /** What `domain/aggregates.ts` does not name: what reads a log without a host knows of them all the same. */
  readonly aggregates?: readonly Causal[];
}

/** What each `cli/<capability>/commands.ts` exports as `commands`; `additions.ts` finds them. */
export type CommandModule = readonly Addition[];

/** An example with `formicary` as it has to be called here. */
export function asCalled(example: string): string {
  return example.replaceAll(/\bformicary (?=[a-z-])/g, `${CALL} `);
}

/** A command with its examples; its positional arguments and options arrive as one object. */
export function command(parent: Command, usage: string, description: string, examples: readonly string[]): Command {
  const added = parent.command(usage).description(description).copyInheritedSettings(parent);
  const parts = examples.map((example) => asCalled(example).split('  #') as [call: string, comment?: string]);
  const width = Math.max(...parts.map(([call]) => call.length));
  const lines = parts.map(
    ([call, comment]) =>
      `  $ ${comment === undefined ? call : `${call.padEnd(width)}  ${styled('dim', `#${comment}`)}`}`,
  );
  return added.addHelpText('after', `\n${bold('Examples:')}\n${lines.join('\n')}`);
}

/** Runs a command that is loaded when it is called; arguments and options come as one object. */
export function runs<I>(
  load: () => (context: Context, input: I) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const called = given.at(-1) as Command;
    const input: Record<string, unknown> = { ...called.opts() };
    called.registeredArguments.forEach((argument, i) => {
      input[argument.name()] = called.processedArgs[i];
    });
    const context = contextOf(called.optsWithGlobals<Globals>());
    try {
      await load()(context, input as I);
    } finally {
      context.close();
    }
  };
}

// ---------------------------------------------------------------------------------------------------------- values

/** Reads a number within bounds. */
export function numberFrom(min: number, max: number, whole = false): (text: string) => number {
  return (text) => {
    const read = readNumber(text, { min, max, whole });
    if ('fault' in read)
      throw new InvalidArgumentError(`${read.fault.replace(/^must be /, 'Give ').replace(/^(is|has) /, 'It $1 ')}.`);
    return read.number;
  };
}
export const share = numberFrom(0, 1);
export const whole = numberFrom(1, Number.MAX_SAFE_INTEGER, true);
export const seconds = numberFrom(0, Infinity);
const MICRO_USD = 1_000_000;
/** US dollars, as whole micro-USD. */
export function microUsd(text: string): number {
  const amount = numberFrom(0, 1_000_000_000)(text);
  if ((text.split('.')[1]?.length ?? 0) > 6)
    throw new InvalidArgumentError('Give at most six digits after the point: a millionth of a dollar is the least.');
  return Math.round(amount * MICRO_USD);
}
const UNITS: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
/** Bytes, as they are or in units of a thousand: `500000`, `1.5GB`. */
export function byteCount(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+) ?(kB|MB|GB|TB|)$/.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('Give a number of bytes, or of kB, MB, GB or TB: 1.5GB.');
  const bytes = Math.round(numberFrom(0, Number.MAX_SAFE_INTEGER)(number) * (UNITS[unit] as number));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('That is more than can be counted.');
}
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
