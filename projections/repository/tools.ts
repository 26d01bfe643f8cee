/** The tools of a tenant, to be listed and searched by API, operation and words (`search_tools`). */
import type { ToolSummary } from '../../contract/repository/tools';
import type { Shown } from '../../contract/route';
import { toolDecider, type ToolState } from '../../domain/repository/tool';
import { type Projection, readAll, type ViewReader } from '../projection';

/** A tool without its schema and code, which are read by id. */
export type ToolDoc = Shown<typeof ToolSummary>;

/** A row per tool, under its id. */
export const tools: Projection<ToolState, ToolDoc> = {
  name: 'tools',
  version: 1,
  category: toolDecider.category,
  fields: ['api', 'operations[]', 'deprecated'],
  row({ tenant, stream, version: index }, { latest, tool_id, deprecation = null }) {
    if (latest === undefined) return undefined;
    const { tool_name, description, sandbox_level, api_name = null, operations, owner, version, tags } = latest;
    const api = api_name?.toLowerCase() ?? '';
    const doc = {
      tool_id,
      tool_name,
      description,
      sandbox_level,
      api_name,
      api,
      operations,
      owner,
      version,
      tags,
      deprecated: deprecation !== null,
      deprecation,
    };
    return { tenant, key: tool_id, source: stream, index, doc };
  },
};

export interface ToolQuery {
  /** In any case. */
  readonly api_name?: string;
  readonly operation?: string;
  /** Words that all occur in the name, the description, the operations, the API's name or the tags. */
  readonly text?: string;
  /** Also those that should not be used any more. */
  readonly deprecated?: boolean;
  readonly limit: number;
}

export interface ToolsFound {
  /** Most words found in the name first, then by id. */
  readonly tools: readonly ToolDoc[];
  /** False when there are more than `limit`. */
  readonly complete: boolean;
}

export async function searchTools(
  views: ViewReader,
  view: string,
  tenant: string,
  query: ToolQuery,
): Promise<ToolsFound> {
  const { api_name, operation, text = '', deprecated = false, limit } = query;
  const where = {
    ...(api_name === undefined ? {} : { api: api_name.toLowerCase() }),
    ...(operation === undefined ? {} : { operations: operation }),
    ...(deprecated ? {} : { deprecated: false }),
  };
  const words = wordsOf(text);
  const { docs, complete } = await readAll<ToolDoc>(views, view, { tenant, where });
  const found = docs
    .map((tool) => ({ tool, named: count(words, tool.tool_name), held: count(words, textOf(tool)) }))
    .filter(({ held }) => held === words.length)
    .sort((a, b) => b.named - a.named || (a.tool.tool_id < b.tool.tool_id ? -1 : 1))
    .map(({ tool }) => tool);
  return { tools: found.slice(0, limit), complete: complete && found.length <= limit };
}

function textOf({ tool_name, description, api_name, operations, tags }: ToolDoc): string {
  return [tool_name, description, api_name ?? '', ...operations, ...tags].join(' ');
}

/** Also splits `query_leads` and `list-invoices`. */
function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** How many of the words begin a word of the text. */
function count(words: readonly string[], text: string): number {
  const held = wordsOf(text);
  return words.filter((word) => held.some((other) => other.startsWith(word))).length;
}
