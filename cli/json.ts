/** JSON that people give: in an option, or in a file that the option names. */
import { readFile } from 'node:fs/promises';
import { UsageError } from './terminal';

/**
 * What an option holds: JSON, or `@` and the name of a file that does.
 * @param example for the hint when it is none
 */
export async function jsonOf(option: string, given: string, example: string): Promise<unknown> {
  const [source, content] = given.startsWith('@') ? [given.slice(1), await readFile(given.slice(1), 'utf8')] : [option, given];
  return parseJson(content, source, `Quote it for the shell, for example ${option} '${example}', or name a file: ${option} @file.json`);
}

/** Throws `UsageError` that names the source. */
export function parseJson(content: string, source: string, hint: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (error) {
    throw new UsageError(`${source} is not JSON: ${(error as Error).message}`, hint);
  }
}
