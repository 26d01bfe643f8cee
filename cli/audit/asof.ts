import { type Formicary, FormicaryError } from '../../client/client';
import { flatten, printFields } from '../lists';
import { ago, bold, type Context, dim, print, printJson, shown, timeOf, UsageError } from '../terminal';

type Thing = { readonly version?: number; readonly versions?: readonly unknown[] } & object;

export const KINDS = ['task', 'agent', 'trail', 'tool'] as const;
export type Kind = (typeof KINDS)[number];

/** Shows how something was, and what is different now. */
export async function asof(
  { client, json }: Context,
  { time, kind, id }: { time: string; kind: Kind; id: string },
): Promise<void> {
  const asOf = timeOf(time, -1);
  const now = await read(client, kind, id);
  const then = await read(client, kind, id, asOf).catch(absent);
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
}

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

function read(client: Formicary, kind: Kind, id: string, asOf?: string): Promise<Thing> {
  switch (kind) {
    case 'task':
      return client.tasks.get(id, { asOf });
    case 'agent':
      return client.agents.get(id, { asOf });
    case 'tool':
      return client.tools.get(id, { asOf });
    case 'trail': {
      const slash = id.indexOf('/');
      if (slash < 1)
        throw new UsageError(`"${id}" names no trail`, 'Give TYPE/LOCATION, for example resource_needed/warehouse/eu.');
      return client.signals.trail(id.slice(0, slash), id.slice(slash + 1), { asOf });
    }
  }
}

function absent(error: unknown): undefined {
  if (error instanceof FormicaryError && error.status === 404) return undefined;
  throw error;
}
