/** What lists and single things have in common. */
import { bold, dim, note, print, said, shown } from './terminal';

/** The first `limit` rows, and the way to say that there are more. */
export async function firstOf<T>(rows: AsyncIterable<T>, limit = 100): Promise<{ rows: T[]; sayMore(): void }> {
  const first: T[] = [];
  let more = false;
  for await (const row of rows) {
    if (first.length >= limit) {
      more = true;
      break;
    }
    first.push(row);
  }
  return { rows: first, sayMore: () => more && note(dim(`There are more: --all shows every one, --limit N as many.`)) };
}

/** Prints the fields of one thing, nested ones by their path. */
export function printDetails(value: object): void {
  printFields(
    flatten(value).map(([name, field]) => [name, shown(field)]),
    (name) => bold(name),
  );
}

/** Prints a line for each name, of one line itself, with its text beside it; further lines of a text are indented. */
export function printFields(
  fields: readonly (readonly [name: string, text: string])[],
  style: (name: string) => string = (name) => name,
  indent = '',
): void {
  const lines = fields.map(([name, text]) => [said(name).replaceAll('\n', ' '), text] as const);
  const width = Math.max(...lines.map(([name]) => name.length));
  for (const [name, text] of lines)
    print(
      `${indent}${style(name.padEnd(width))}  ${text.replaceAll('\n', `\n${' '.repeat(indent.length + width + 2)}`)}`,
    );
}

/** Prints one labelled line; further lines of the text are indented, so that none can pass for a label. */
export function printField(name: string, text: string): void {
  print(`${name.padEnd(9)} ${text.replaceAll('\n', `\n${' '.repeat(10)}`)}`);
}

/** The plain values of an object by their paths, for example `holder.agent`. Lists are values. */
export function flatten(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]): [string, unknown][] => {
    if (field === undefined) return [];
    const isTree =
      typeof field === 'object' && field !== null && !Array.isArray(field) && Object.keys(field).length > 0;
    return isTree ? flatten(field, `${prefix}${name}.`) : [[prefix + name, field]];
  });
}
