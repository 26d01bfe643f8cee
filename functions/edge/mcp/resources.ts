/** What can be read by an address of its own: each is the answer of a route. */
import type { HttpResponseInit } from '@azure/functions';
import { match, parseTemplate, pathOf } from '../template';
import { allTools, type Tool } from './tools';

const SCHEME = 'formicary:/';

/** As `resources/templates/list` tells it. */
interface ListedTemplate {
  readonly uriTemplate: string;
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly mimeType: string;
}

/** The operation that answers for addresses of each form. */
const RESOURCES = [
  { operation: 'getTask', path: '/tasks/{id}', name: 'task', title: 'A task' },
  {
    operation: 'getAction',
    path: '/actions/{action_id}',
    name: 'action',
    title: 'An action, and what people say to it',
  },
  { operation: 'readStream', path: '/receipts/{category}/{id}', name: 'receipts', title: 'Receipts of one stream' },
] as const;

/** The operation that lists what stands at addresses of the first form. */
const LIST = 'listTasks';
const PAGE = 50;

function toolNamed(name: string): Tool {
  return allTools().get(name) as Tool;
}

export function templates(): ListedTemplate[] {
  return RESOURCES.map(({ operation, path, name, title }) => ({
    uriTemplate: `${SCHEME}${path}`,
    name,
    title,
    description: toolNamed(operation).listed.description,
    mimeType: 'application/json',
  }));
}

/** What an address means; undefined when nothing can stand there. */
export function readingOf(uri: string): { readonly tool: Tool; readonly args: Record<string, string> } | undefined {
  if (!uri.startsWith(`${SCHEME}/`)) return undefined;
  const path = pathOf(uri.slice(SCHEME.length));
  for (const { operation, path: template } of RESOURCES) {
    const found = match(parseTemplate(template), path);
    if (found === undefined) continue;
    try {
      const args = Object.fromEntries(Object.entries(found).map(([name, text]) => [name, decodeURIComponent(text)]));
      return { tool: toolNamed(operation), args };
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The request of a page of what there is. */
export function listing(cursor: string | undefined): { readonly tool: Tool; readonly args: Record<string, unknown> } {
  return {
    tool: toolNamed(LIST),
    args: { limit: PAGE, ...(cursor !== undefined && { continuation: cursor }) },
  };
}

interface Listed {
  readonly value: readonly { readonly id: string; readonly task_type: string; readonly status: string }[];
  readonly nextLink?: string;
}

/** As `resources/list` tells it. */
interface ListedResource {
  readonly uri: string;
  readonly name: string;
  readonly title: string;
  readonly mimeType: string;
}

export function page({ body }: HttpResponseInit): { resources: ListedResource[]; nextCursor?: string } {
  const { value, nextLink } = JSON.parse(body as string) as Listed;
  const next = nextLink && new URL(nextLink, 'http://within').searchParams.get('continuation');
  return {
    resources: value.map(({ id, task_type, status }) => ({
      uri: `${SCHEME}/tasks/${encodeURIComponent(id)}`,
      name: id,
      title: `${task_type}, ${status}`,
      mimeType: 'application/json',
    })),
    ...(next && { nextCursor: next }),
  };
}
