/** JSON that people give: in an option, or in a file that the option names. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { decoded, JsonError, readJson } from '../domain/kernel/json';
import { UsageError } from './terminal';

/**
 * What an option holds: JSON, or `@` and the name of a file that does.
 * @param example for the hint when it is none
 */
export async function jsonOf(option: string, given: string, example: string): Promise<unknown> {
  const [source, content] = given.startsWith('@') ? [given.slice(1), await fileOf(given.slice(1))] : [option, given];
  return parseJson(
    content,
    source,
    `Quote it for the shell, for example ${option} '${example}', or name a file: ${option} @file.json`,
  );
}

/** What an argument holds: JSON as it stands, which begins with {, or the name of a file that does; - is the input. */
export async function jsonIn(given: string, hint: string): Promise<unknown> {
  if (given.startsWith('{')) return parseJson(given, 'the argument', hint);
  return given === '-'
    ? parseJson(await buffer(process.stdin), 'standard input', hint)
    : parseJson(await fileOf(given), given, hint);
}

/** The bytes of a file that somebody named. Throws `UsageError` when it can't be read. */
export async function fileOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? `there is no file ${file}` : code === 'EISDIR' ? `${file} is a folder, not a file` : message;
    throw new UsageError(why, `It is looked for from ${process.cwd()}.`);
  }
}

/** Reads JSON as the API does. Throws `UsageError` that names the source. */
export function parseJson(content: string | Uint8Array, source: string, hint: string): unknown {
  try {
    return readJson(content);
  } catch (error) {
    throw error instanceof JsonError ? refused(error, source, hint) : error;
  }
}

function refused({ message, fault }: JsonError, source: string, hint: string): UsageError {
  if (message.includes('byte-order mark'))
    return new UsageError(
      `${source} ${message}`,
      'Save it again without one: editors call that "UTF-8", and with one "UTF-8 with BOM".',
    );
  return fault.kind === 'value'
    ? new UsageError(`${source} holds a value that is not accepted: ${message}`)
    : new UsageError(`${source} ${message}`, hint);
}

/**
 * JSON values out of a file: one, or one a line. Throws `UsageError` that names the source and the line.
 * @returns a single array's items count as one value
 */
export function parseLines(content: Uint8Array, source: string, hint: string): unknown[] {
  let text: string;
  try {
    text = decoded(content);
    if (text.trim() === '') return [];
    return [readJson(text)];
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const lines =
      error.fault.kind === 'syntax' && error.fault.position !== undefined ? decoded(content).split('\n') : [];
    const filled = lines.filter((line) => line.trim() !== '');
    if (filled.length < 2 || filled[0]?.trimStart().startsWith('[') === true) throw refused(error, source, hint);
    return lines.flatMap((line, i) => (line.trim() === '' ? [] : [parseJson(line, `${source}, line ${i + 1},`, hint)]));
  }
}
