/** Answers of routes as results of tools: what was refused is told so that whoever called can do better. */
import type { HttpResponseInit } from '@azure/functions';
import type { CallToolResult } from '@modelcontextprotocol/server' with { 'resolution-mode': 'import' };
import { isCommand } from '../../../contract/route';
import { PROBLEM_CONTENT_TYPE, type ProblemDocument } from '../problem';
import type { Tool } from './tools';

/** Bytes of what is read: whoever asks pays for it with their context. What a command answers is as large as it was. */
export const MAX_READ = 256 * 1024;
/** Where the whole problem document stands in a result. */
export const PROBLEM_KEY = 'dev.formicary/problem';

/** @param uri names what was read, where the answer is bytes */
export function resultOf(tool: Tool, { headers, body }: HttpResponseInit, uri: string): CallToolResult {
  const type = new Headers(headers).get('content-type') ?? '';
  if (type.startsWith(PROBLEM_CONTENT_TYPE)) return refusal(JSON.parse(body as string) as ProblemDocument);
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from((body as Uint8Array | undefined) ?? '');
  if (bytes.byteLength > MAX_READ && !isCommand(tool.route)) return tooLarge(tool, bytes.byteLength);
  const isText = /^(text\/|application\/json\b)/.test(type);
  if (!isText && bytes.byteLength > 0)
    return { content: [{ type: 'resource', resource: { uri, mimeType: type, blob: bytes.toString('base64') } }] };
  const text = bytes.toString('utf8');
  const isStructured = tool.listed.outputSchema !== undefined;
  return {
    content: [{ type: 'text', text }],
    ...(isStructured && { structuredContent: JSON.parse(text) as Record<string, unknown> }),
  };
}

/** What was wrong and what to do, in words; the document for programs. */
export function refusal(problem: ProblemDocument): CallToolResult {
  const { title, detail, errors = [], retryAfterSeconds } = problem;
  const lines = [
    `${title}: ${detail}`,
    ...errors.map(({ pointer, parameter, message }) => `- ${placeOf(pointer, parameter)} ${message}`),
    ...(typeof retryAfterSeconds === 'number' ? [`Try again in ${retryAfterSeconds} s.`] : []),
    `(${problem.type})`,
  ];
  return { isError: true, content: [{ type: 'text', text: lines.join('\n') }], _meta: { [PROBLEM_KEY]: problem } };
}

/** A place in a body by the names of the arguments: `#/payload/amount` is `payload.amount`. */
function placeOf(pointer: string | undefined, parameter: string | undefined): string {
  if (parameter !== undefined) return parameter;
  return pointer === undefined || pointer === '#' ? 'the body' : pointer.slice(2).replaceAll('/', '.');
}

function tooLarge({ listed }: Tool, bytes: number): CallToolResult {
  const known = Object.keys(listed.inputSchema['properties'] as object);
  const how = known.includes('limit') ? 'a smaller limit, or a filter' : 'a part of it';
  const text = `The answer has ${bytes} bytes, and a tool answers with ${MAX_READ} at most: ask for ${how}, or read it over HTTP.`;
  return { isError: true, content: [{ type: 'text', text }] };
}
