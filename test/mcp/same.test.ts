/**
 * Tools are the operations of the API: each example of the contract is asked over HTTP and as a call of a tool, in a
 * tenant each, and answered alike; what is listed is well-formed, and complete.
 */
import type { Example, RouteSpec } from '../../contract/route';
import { pathOf, routes } from '../http/example-steps';
import { call } from '../http/support';
import { startTestHost, type TestHost } from '../support/host';
import { ask } from './support';

let host: TestHost;
beforeAll(async () => {
  host = await startTestHost();
});
afterAll(() => host.stop());

interface Listed {
  readonly name: string;
  readonly inputSchema: { readonly properties: Readonly<Record<string, object>>; readonly required?: string[] };
  readonly outputSchema?: object;
}

async function listed(query: string, as = 'developer'): Promise<Listed[]> {
  const found: Listed[] = [];
  let cursor: string | undefined;
  do {
    const { body } = await ask(host, 'tools/list', { cursor }, { query, headers: { 'x-formicary-principal': as } });
    found.push(...(body.result.tools as Listed[]));
    cursor = body.result.nextCursor as string | undefined;
  } while (cursor !== undefined);
  return found;
}

test('every operation is a tool, once, its schemas hold by themselves; an agent sees what its level permits', async () => {
  const all = await listed('?tools=all');
  const operations = [...routes.values()].filter(({ contentType }) => contentType !== 'text/event-stream');
  expect(all.map(({ name }) => name).toSorted()).toEqual(
    operations.map(({ name, operationId = name }) => operationId).toSorted(),
  );
  for (const tool of all) {
    expect(tool.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    for (const schema of [tool.inputSchema, tool.outputSchema ?? {}])
      expect([tool.name, faults(schema)]).toEqual([tool.name, []]);
    for (const name of tool.inputSchema.required ?? []) expect(tool.inputSchema.properties).toHaveProperty([name]);
  }
  expect((await listed('?tools=all')).map(({ name }) => name)).toEqual(all.map(({ name }) => name));
  const agents = await listed('?tools=all', 'recon-7');
  const critical = operations.filter(({ needs }) => needs === 'critical').length;
  expect(critical).toBeGreaterThan(10);
  expect(agents).toHaveLength(all.length - critical);
  expect((await listed('?tools=getTask,postTask')).map(({ name }) => name)).toEqual(['getTask', 'postTask']);
  const few = await listed('');
  expect(few.length).toBeGreaterThan(10);
  expect(few.length).toBeLessThan(30);
});

/** References that lead nowhere, or back to themselves, which clients do not follow; definitions that nobody needs. */
function faults(schema: object): string[] {
  const { $defs = {}, ...root } = schema as { readonly $defs?: Record<string, object> };
  const of = (part: object) =>
    [...JSON.stringify(part).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference = '']) => reference);
  const nameOf = (reference: string) => /^#\/\$defs\/(.+)$/.exec(reference)?.[1];
  const found = [...of(root), ...Object.values($defs).flatMap(of)]
    .filter((reference) => !Object.hasOwn($defs, nameOf(reference) ?? ''))
    .map((reference) => `${reference} leads nowhere`);
  const unused = new Set(Object.keys($defs));
  const follow = (part: object, way: readonly string[]): void => {
    for (const name of of(part).map(nameOf)) {
      if (name === undefined || !Object.hasOwn($defs, name)) continue;
      unused.delete(name);
      if (way.includes(name)) found.push(`${name} holds itself`);
      else follow($defs[name] as object, [...way, name]);
    }
  };
  follow(root, []);
  return [...found, ...[...unused].map((name) => `nobody refers to ${name}`)];
}

/** As `tools/call` takes what the example of a route sends. */
function argumentsOf({ inputSchema }: Listed, { params, query, body }: Example): Record<string, unknown> {
  const apart = body !== undefined && Object.hasOwn(inputSchema.properties, 'body');
  return { ...params, ...query, ...(apart ? { body } : (body as object | undefined)) };
}

/** An answer without what is different each time. */
function said(tenant: string, answer: unknown): string {
  return JSON.stringify(answer)
    .replaceAll(tenant, 'TENANT')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{64}/g, 'HASH')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/"access_token":"[^"]*"/g, '"access_token":"TOKEN"')
    .replaceAll(/"(\w*cursor|offersAfter|after|continuation)":"[^"]*"/gi, '"$1":"CURSOR"')
    .replaceAll(/"([a-z_]*(?:strength|seconds|lag|ms))":-?[\d.]+/g, '"$1":0')
    .replaceAll(/"(serving|building|nextLink)":"[^"]*"/g, '"$1":"X"');
}

/** Of the host, not of a tenant: two looks at it differ. */
const MOVES: ReadonlySet<string> = new Set(['readStatus', 'rebuildView', 'listParked']);

test('a call is answered as the request is that it means', async () => {
  const tools = new Map((await listed('?tools=all')).map((tool) => [tool.name, tool]));
  const asked = [...routes.values()].filter(
    ({ name, operationId = name }) => tools.has(operationId) && !MOVES.has(name),
  );
  // What halts a tenant comes last.
  const order = (spec: RouteSpec) => (['stop', 'pause', 'closeTenant'].includes(spec.name) ? 1 : 0);
  for (const spec of asked.toSorted((a, b) => order(a) - order(b))) {
    const { name, operationId = name, example, method } = spec;
    const as = example.as ?? 'developer';
    const [one, other] = [`h-${name.toLowerCase()}`, `m-${name.toLowerCase()}`];
    const reply = await call(host, pathOf(spec, example), { method, tenant: one, as, json: example.body });
    const { body } = await ask(
      host,
      'tools/call',
      { name: operationId, arguments: argumentsOf(tools.get(operationId) as Listed, example) },
      { query: '?tools=all', headers: { 'x-formicary-tenant': other, 'x-formicary-principal': as } },
    );
    const { structuredContent, content, isError = false, _meta } = body.result;
    const answer = isError ? _meta['dev.formicary/problem'] : (structuredContent ?? content[0].text);
    expect([name, isError]).toEqual([name, reply.status >= 400]);
    expect([name, said(other, answer)]).toEqual([name, said(one, reply.body ?? reply.text)]);
  }
});
