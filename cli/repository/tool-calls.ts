/** What the commands on tools of servers of MCP do. */
import { buffer } from 'node:stream/consumers';
import type { Tool, ToolInput } from '../../client/tools';
import { fileOf, jsonOf, parseJson } from '../json';
import { printDetails, printField } from '../lists';
import {
  bold,
  call as called,
  type Context,
  dim,
  lineOf,
  note,
  print,
  printJson,
  RefusedError,
  said,
  shown,
  UsageError,
} from '../terminal';

export interface RegisterInput {
  readonly tool: string;
  readonly file: string;
  readonly key?: string;
}

/** Registers the tool of a file. */
export async function register({ client, json }: Context, { tool, file, key }: RegisterInput): Promise<void> {
  const content = file === '-' ? await buffer(process.stdin) : await fileOf(file);
  const body = parseJson(content, file === '-' ? 'standard input' : file, 'Give one tool: {"tool_name":…}');
  const answer = await client.tools.register(tool, body as ToolInput, { idempotencyKey: key });
  if (json) return printJson(answer);
  const { tool_id, latest } = answer.tool;
  print(`${bold(said(tool_id))} is registered, version ${latest.version}`);
}

export interface CallInput {
  readonly tool: string;
  readonly arguments?: string;
  readonly key?: string;
}

/** Calls a tool, and prints what it has answered. */
export async function call(
  { client, json }: Context,
  { tool, arguments: given = '{}', key }: CallInput,
): Promise<void> {
  const args = await jsonOf('arguments', given, '{"account":"DE02"}');
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw new UsageError('the arguments must be a JSON object');
  const answer = await client.tools.call(tool, { arguments: { ...args } }, { idempotencyKey: key });
  const { id, outcome, reason, result } = answer.call;
  if (json) printJson(answer);
  else if (result !== undefined)
    for (const block of result.content)
      print(typeof block['text'] === 'string' ? said(block['text']) : dim(lineOf(JSON.stringify(block))));
  if (!json && result?.structured_content !== undefined) printJson(result.structured_content);
  if (outcome === 'ok') return;
  throw new RefusedError(
    `the call ${id} ${outcome === undefined ? 'has not ended yet' : `ended with ${outcome}: ${said(reason ?? '')}`}`,
  );
}

export interface PinInput {
  readonly tool: string;
  readonly version?: string;
  readonly hash?: string;
}

/** Accepts what a server says of its tool; without a version and a hash, shows it, and where and how it is called. */
export async function pin({ client, json }: Context, { tool, version: read, hash }: PinInput): Promise<void> {
  if (read !== undefined) {
    if (hash === undefined) throw new UsageError('give the hash too: what is accepted is what was read');
    const answer = await client.tools.pin(tool, { version: read, hash });
    return json ? printJson(answer) : print(`${bold(said(tool))} ${read} is called as ${hash} from now on`);
  }
  const { latest, pin: accepted, found } = await client.tools.get(tool);
  const { version, mcp } = latest;
  if (json) return printJson({ version, mcp, pin: accepted, found });
  printField('version', said(version));
  if (mcp !== undefined) for (const name of ['url', 'tool', 'level'] as const) printField(name, said(mcp[name]));
  print(accepted === undefined ? dim('Nobody has accepted it.') : `Accepted: ${accepted.hash} by ${said(accepted.by)}`);
  if (found === undefined) return note(dim('Nothing else was found.'));
  print(`Found: ${bold(found.hash)}`);
  printFound(found);
  note(dim(`\`${called()} tools pin ${said(tool)} ${said(version)} ${found.hash}\` accepts it.`));
}

/** Whole, however long: who accepts it has read it. */
function printFound({ interface: seen, differences }: NonNullable<Tool['found']>): void {
  if (differences === undefined) return printDetails(seen);
  for (const { pointer, before, after } of differences) {
    print(bold(said(pointer)));
    printField('accepted', shown(before));
    printField('found', shown(after));
  }
}
