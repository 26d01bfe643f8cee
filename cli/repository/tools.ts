import type { ToolFilter } from '../../client/client';
import { printDetails } from '../lists';
import { bad, bold, type Context, dim, note, printJson, printTable } from '../terminal';

export interface ToolsInput {
  readonly words?: readonly string[];
  readonly show?: string;
  readonly api?: string;
  readonly operation?: string;
  readonly deprecated?: boolean;
  readonly limit?: number;
}

/** Finds tools, or shows one. */
export async function tools(
  { client, json }: Context,
  { words = [], show, api, operation, deprecated, limit }: ToolsInput,
): Promise<void> {
  if (show !== undefined) {
    const tool = await client.tools.get(show);
    return json ? printJson(tool) : printDetails(tool);
  }
  const filter: ToolFilter = {
    q: words.length === 0 ? undefined : words.join(' '),
    api_name: api,
    operation,
    deprecated,
    limit,
  };
  const { value, complete } = await client.tools.search(filter);
  if (json) return printJson({ value, complete });
  printTable(
    ['TOOL', 'VERSION', 'NAME', 'API', 'SANDBOX', 'OWNER', ''],
    value.map((tool) => [
      bold(tool.tool_id),
      tool.version,
      tool.tool_name,
      tool.api_name ?? '–',
      tool.sandbox_level,
      tool.owner,
      tool.deprecated ? bad('deprecated') : '',
    ]),
  );
  if (!complete) note(dim('There are more: give more words, or --limit N.'));
}
