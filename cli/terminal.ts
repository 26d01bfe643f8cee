/** What the commands print with: results on standard output, notes and progress on standard error. */
import { sep } from 'node:path';
import { styleText } from 'node:util';
import type { SingleBar } from 'cli-progress';
import type Table from 'cli-table3';
import { Formicary } from '../client/client';
import { type NumberRange, readNumber } from '../domain/kernel/number';
import { shorten, typed, visible } from '../domain/kernel/text';
import { readTime } from '../domain/kernel/time';
import { credentialsFor } from './credentials';
import { said } from './words';

export * from './words';

/**
 * How this program was called: what its hints tell can be typed as it stands. npx says so in what it starts; what it
 * runs from a package file it keeps in a folder of its own, and no other name leads there.
 */
export const CALL =
  process.env['npm_command'] !== 'exec'
    ? 'formicary'
    : __dirname.includes(`${sep}_npx${sep}`)
      ? 'npx ./formicary-*.tgz'
      : 'npx formicary';

/** Global options that stand on the command line, ready to be typed again. */
let given: readonly (readonly [option: keyof Globals, text: string])[] = [];

/** Takes note of the global options that were typed: one from the environment acts again by itself. */
export function calledWith(options: Readonly<Partial<Record<keyof Globals, string>>>): void {
  given = Object.entries(options).map(([name, value]) => [name as keyof Globals, typed([`--${name}`, value])]);
}

/**
 * How a command that asks a host is called in a hint: with the global options of this call, so that it does, typed as
 * it stands, what the hint says. What reads a folder or makes one (`start`, `verify`) is called by `CALL` alone.
 * @param by `another`: a second person has to type it, so it doesn't say in whose name
 */
export function call(by: 'same' | 'another' = 'same'): string {
  return [CALL, ...given.flatMap(([name, text]) => (by === 'another' && name === 'principal' ? [] : [text]))].join(' ');
}

/** What every command understands. */
export interface Globals {
  readonly url: string;
  readonly tenant?: string;
  readonly principal?: string;
  readonly json?: boolean;
}

/** The command was called in a way that can't work. The message says what is wrong, the hint what to do. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/** What was asked for can't be had as things are: an answer too, though no host had to give it. */
export class RefusedError extends UsageError {}

/** A command's surroundings. */
export interface Context {
  readonly globals: Globals;
  /** Made at the first use: some commands need no host. */
  readonly client: Formicary;
  readonly json: boolean;
  /** Says that what was looked at does not hold: the command ends with 1. */
  foundWrong(): void;
}

/** How often and how patiently the host is tried: a person waits. */
const RETRY = { attempts: 4, baseMs: 50, maxMs: 5_000 };

export function contextOf(globals: Globals): Context & { close(): void } {
  let client: Formicary | undefined;
  return {
    globals,
    get client() {
      return (client ??= new Formicary({
        url: globals.url,
        credentials: credentialsFor(globals.url),
        tenant: globals.tenant,
        principal: globals.principal,
        retry: RETRY,
      }));
    },
    json: globals.json === true,
    foundWrong: () => void (process.exitCode = 1),
    close: () => client?.close(),
  };
}

// --------------------------------------------------------------------------------------------------------- printing

/** Prints a line, or lines. Whatever is in it, nothing acts on the screen but the colours of this program. */
export function print(text: string): void {
  process.stdout.write(`${harmless(text)}\n`);
}

export function printJson(value: unknown): void {
  print(jsonLine(value, 2));
}

/** JSON whose texts, too, can be seen and don't act: the same value to every program. */
export function jsonLine(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}

/** For people who look on; never part of the result. */
export function note(text: string): void {
  process.stderr.write(`${harmless(text)}\n`);
}

/** The colours that `styled` makes, and nothing else that begins with an escape. */

const COLOURS = /(\u001b\[(?:[12]|22|3[1-7]|39)m)/;

function harmless(text: string): string {
  if (!hasColours()) return visible(text);
  return text
    .split(COLOURS)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join('');
}

function hasColours(): boolean {
  return styled('bold', ' ') !== ' ';
}

type Style = Parameters<typeof styleText>[0];

/** Styled where standard output is a terminal that shows colours. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export const dim = (text: string) => styled('dim', text);
export const bold = (text: string) => styled('bold', text);
export const good = (text: string) => styled('green', text);
export const bad = (text: string) => styled('red', text);

/** The first line of what others wrote, in so many characters at most. */
export function lineOf(text: string, longest = 60): string {
  const [line = ''] = text.split('\n');
  return shorten(said(line), longest);
}

/** Prints rows under heads, without lines; where there is none, what that means. */
export function printTable(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  rightAligned: readonly string[] = [],
  empty = 'Nothing was found.',
): void {
  if (rows.length === 0) return print(dim(empty));
  const TableOf = require('cli-table3') as typeof Table;
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const table = new TableOf({
    head: heads.map((head) => dim(head)),
    chars: { ...none, left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: heads.map((head) => (rightAligned.includes(head) ? 'right' : 'left')),
  });
  // A cell is one line: no row can be made up within another.
  table.push(...rows.map((row) => row.map((cell) => harmless(String(cell).replaceAll(/\s*\n\s*/g, ' ')))));
  print(table.toString().replaceAll(/[^\S\n]+$/gm, ''));
}

export interface Bar {
  update(done: number): void;
  /** Takes the bar away. */
  stop(): void;
}

/** A progress bar on standard error, while that is a terminal. */
export function bar(label: string, total: number): Bar {
  if (!process.stderr.isTTY || total <= 0) return { update: () => undefined, stop: () => undefined };
  const { SingleBar: Single } = require('cli-progress') as { SingleBar: typeof SingleBar };
  const single = new Single({
    format: `${label} {bar} {percentage}%  {value} of {total}`,
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
    fps: 10,
  });
  single.start(total, 0);
  return { update: (done) => single.update(Math.min(done, total)), stop: () => single.stop() };
}

// ----------------------------------------------------------------------------------------------------------- values

export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}

/** `task/42@3`: the tenant is everywhere the same. */
export function shortRef(ref: string): string {
  return ref.slice(ref.indexOf('/') + 1);
}

/** A receipt as it is stored, where it was copied from a table as `shortRef` shows it; anything else as it is. */
export function fullRef(tenant: string | undefined, ref: string): string {
  return /^[^/@]+\/[^/@]+@\d+$/.test(ref) ? `${tenant ?? 'default'}/${ref}` : ref;
}

/** `480 ms`, `3.2 s`, `12 min`, `5.0 h`, `3.1 d` */
export function duration(milliseconds: number): string {
  const ms = Math.abs(milliseconds);
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${(ms / 86_400_000).toFixed(1)} d`;
}

/** How long ago, or in how long. */
export function ago(time: string, now = Date.now()): string {
  const milliseconds = now - Date.parse(time);
  return milliseconds < 0 ? `in ${duration(milliseconds)}` : `${duration(milliseconds)} ago`;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A time as people give it, in the form that the API takes: `now`, a span (`90s`, `5m`, `2h`, `1d`), a time as in RFC
 * 3339, or a day, which is its beginning in UTC. Throws `UsageError` on anything else.
 * @param direction 1: a span lies ahead; -1: it lies behind
 */
export function timeOf(text: string, direction: 1 | -1, now = Date.now()): string {
  if (text === 'now') return new Date(now).toISOString();
  if (/^[+-]\d/.test(text))
    throw new UsageError(
      `"${text}" has a sign`,
      `A span lies ${direction === 1 ? 'ahead' : 'behind'} by itself: give ${text.slice(1)}.`,
    );
  const span = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/.exec(text);
  const read =
    span === null
      ? readTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
      : readTime(after(now, direction * Number(span[1]) * (UNITS[span[2] as string] as number)));
  if ('fault' in read)
    throw new UsageError(
      `"${text}" is not a time: it ${span === null ? read.fault : 'lies beyond the calendar'}`,
      'Give one like 2026-11-21T10:00:00Z, or a span like 90s, 5m, 2h, 1d.',
    );
  return read.time;
}

function after(now: number, milliseconds: number): string {
  const time = new Date(now + milliseconds);
  return Number.isNaN(time.getTime()) ? '' : time.toISOString();
}

/** A number as people give it. Throws `UsageError` that begins with `what` it is. */
function numberOf(what: string, text: string, range: NumberRange): number {
  const read = readNumber(text, range);
  if ('fault' in read) throw new UsageError(`${what} ${read.fault}`);
  return read.number;
}

/** `name` or `name=number`. Throws `UsageError` that says `what` the number of the option is. */
export function namedNumber(
  option: string,
  what: string,
  text: string,
  range: NumberRange,
): { readonly name: string; readonly number?: number } {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (name === '') throw new UsageError(`${option} "${text}": a name must stand before the ${what}`);
  return at < 0 ? { name } : { name, number: numberOf(`${option} ${text}: the ${what}`, text.slice(at + 1), range) };
}

/** A value as one cell or line shows it. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return '–';
  return said(typeof value === 'string' ? value : JSON.stringify(value));
}
