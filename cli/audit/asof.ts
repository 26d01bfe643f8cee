import { FormicaryError } from '../../client/client';
import type { Kinds } from '../define';
import { flatten, printFields } from '../lists';
import { ago, bold, type Context, dim, print, printJson, shown, timeOf } from '../terminal';

export interface AsofInput {
  readonly time: string;
  readonly kind: string;
  readonly id: string;
}

/** Shows how something was, and what is different now. */
export const asof =
  (kinds: Kinds) =>
  async ({ client, json }: Context, { time, kind, id }: AsofInput): Promise<void> => {
    const read = kinds[kind]!;
    const asOf = timeOf(time, -1);
    const now = await read(client, id);
    const then = await read(client, id, asOf).catch(absent);
    const changed = changes(then ?? {}, now);
    if (json) return printJson({ kind, id, as_of: asOf, then: then ?? null, now, changed });

    print(`${bold(`${kind} ${id}`)} at ${asOf} (${ago(asOf)})`);
    if (then === undefined) print('  did not exist yet');
    else
      printFields(
        flatten(then).map(([name, value]) => [name, shown(value)]),
        undefined,
        '  ',
      );
    print('');
    if (changed.length === 0) return print('Nothing has changed since.');
    print('Changed since:');
    printFields(
      changed.map(({ field, then: before, now: after }) => [field, `${dim(shown(before))} → ${shown(after)}`]),
      undefined,
      '  ',
    );
  };

interface Change {
  readonly field: string;
  readonly then: unknown;
  readonly now: unknown;
}

function changes(then: object, now: object): Change[] {
  const before = new Map(flatten(then));
  const after = new Map(flatten(now));
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((field) => ({ field, then: before.get(field), now: after.get(field) }))
    .filter((change) => JSON.stringify(change.then) !== JSON.stringify(change.now));
}

function absent(error: unknown): undefined {
  if (error instanceof FormicaryError && error.status === 404) return undefined;
  throw error;
}
