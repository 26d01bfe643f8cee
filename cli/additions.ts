/**
 * What the capabilities add to the command line: each folder beside this file may have a `commands`. One that can't be
 * taken is told with its file, whatever was called: to go on without it would be to have lost a command in silence.
 */
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Command } from 'commander';
import type { Addition, All, ReadAsOf } from './define';

/** An addition, and the file that it comes from. */
interface Found extends Addition {
  readonly file: string;
}

/**
 * Declares the commands of all folders in `root`, in the order of the help. Throws, in one line that names the file,
 * when a file can't be loaded, has not the form of `CommandModule`, or adds what another has added.
 */
export function declareAll(program: Command, root: string): void {
  const place = ({ order = Number.MAX_SAFE_INTEGER }: Addition) => order;
  const name = `commands${extname(__filename)}`;
  const files = readdirSync(root).map((folder) => join(root, folder, name));
  const found = files
    .filter((file) => existsSync(file))
    .sort()
    .flatMap(additionsIn)
    .sort((a, b) => place(a) - place(b));
  const all: All = { kinds: kindsOf(found), aggregates: found.flatMap(({ aggregates = [] }) => aggregates) };
  for (const { file, declare } of found) told(file, () => declare?.(program, all));
}

function additionsIn(file: string): Found[] {
  const exported = told(file, () => require(file) as { readonly commands?: unknown } | null);
  const commands = exported?.commands;
  if (!Array.isArray(commands) || !commands.every(isAddition))
    throw new Error(
      `${file}: it must export commands, a list of what it adds: { declare(program), asOf: { kind: read }, aggregates: [decider] }`,
    );
  return commands.map((addition: Addition) => ({ ...addition, file }));
}

function isAddition(value: unknown): value is Addition {
  if (typeof value !== 'object' || value === null) return false;
  const { order, declare, asOf = {}, aggregates = [] } = value as Readonly<Record<string, unknown>>;
  return (
    (order === undefined || typeof order === 'number') &&
    (declare === undefined || typeof declare === 'function') &&
    typeof asOf === 'object' &&
    asOf !== null &&
    Object.values(asOf).every((read) => typeof read === 'function') &&
    Array.isArray(aggregates) &&
    aggregates.every((one: unknown) => typeof (one as { category?: unknown } | null)?.category === 'string')
  );
}

function kindsOf(found: readonly Found[]): All['kinds'] {
  const kinds = new Map<string, ReadAsOf>();
  for (const { file, asOf = {} } of found)
    for (const [kind, read] of Object.entries(asOf)) {
      if (kinds.has(kind)) throw new Error(`${file}: there is a kind '${kind}' of asof already: rename this one`);
      kinds.set(kind, read);
    }
  return Object.fromEntries(kinds);
}

/** Does it; what it throws is told in one line, with the file. */
function told<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new Error(`${file}: ${line}`, { cause: error });
  }
}
