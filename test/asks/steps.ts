/** Steps of the operations with values of all kinds, and what the contract has against what is sent for them. */
import fc from 'fast-check';
import type { Example } from '../../contract/route';
import type { Operation } from '../../domain/asks/operations';
import type { Request } from '../../domain/asks/plan';
import type { Values } from '../../domain/asks/steps';
import { routes } from '../http/example-steps';

/** Routes by their names in the contract. */
export const byName = new Map([...routes.values()].map((route) => [route.operationId ?? route.name, route]));

/** What the contract has against a request of an operation. */
export function faultsIn(operation: string, request: Request): unknown[] {
  const route = byName.get(operation);
  if (route === undefined) return [`${operation} is no operation of the contract`];
  const { params, query, body } = request;
  const text = Object.fromEntries(Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]));
  const parts = [
    route.params?.strict().safeParse(params ?? {}),
    (route.query?.strict() ?? undefined)?.safeParse(text),
    route.body?.safeParse(body ?? {}),
  ];
  const unread = [
    params !== undefined && route.params === undefined,
    Object.keys(text).length > 0 && route.query === undefined,
    body !== undefined && route.body === undefined,
  ];
  return [...parts.flatMap((part) => (part?.error === undefined ? [] : part.error.issues)), ...unread.filter(Boolean)];
}

/** The request with what its command looks up, from the example of the route. */
export function withLookedUp(operation: string, planned: Request, looksUp: readonly string[]): Request {
  const request = structuredClone(planned) as Record<string, Record<string, unknown>>;
  for (const [part, name] of looksUp.map((field) => field.split('.') as [keyof Example, string]))
    (request[part] ??= {})[name] = (byName.get(operation)?.example[part] as Record<string, unknown>)[name];
  return request;
}

/** Values of each kind, some of them as odd as they may be. */
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  id: fc.constantFrom('recon-7', 'a', '0', 'x'.repeat(128), 'a.b~c:d_e-f'),
  field: fc.constantFrom('finance', 'f'.repeat(64)),
  tenant: fc.constantFrom('default', 'contoso-2'),
  category: fc.constant('task'),
  reference: fc.constantFrom('inv-1', 'default/task/inv-1@2'),
  receipt: fc.constant('default/task/inv-1@2'),
  resource: fc.constantFrom('task/inv-1', 'agent/recon-7'),
  signal: fc.constantFrom('resource_needed', 'a'),
  location: fc.constantFrom('warehouse/eu/dock-3', 'plant'),
  time: fc.constantFrom('2026-12-01T10:00:00Z', '2026-12-01T10:00:00.000+01:00'),
  zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'),
  cron: fc.constantFrom('30 18 * * MON-FRI', '*/15 * * * *', '0 8 L * *'),
  hash: fc.constant('0a1b2c3d4e5f'),
  reason: fc.constantFrom('x', `it's "quoted"; \`rm\` $(x)`, 'y'.repeat(2_000)),
  about: fc.constantFrom('mail', 'z'.repeat(500)),
  query: fc.constantFrom('inventory optimization', 'q'.repeat(200)),
  share: fc.constantFrom(0, 0.5, 1),
  usd: fc.constantFrom(0, 0.000001, 2.5, 1_000_000),
  hits: fc.constantFrom(1, 200),
  rows: fc.constantFrom(1, 15, 1_000),
  capacity: fc.constantFrom(1, 1_000),
  seconds: fc.constantFrom(0, 60, 999_999_999),
  flag: fc.constant(true),
  chain: fc.constantFrom(
    [{ key: 'a', task_type: 'x' }],
    [
      { key: 'a', task_type: 'x.y' },
      { key: 'b', task_type: 'z', after: ['a'], payload: { about: 'mail' } },
    ],
  ),
};

/** Values that an operation takes, with and without those that may be left out. */
export function valuesOf({ slots }: Operation): fc.Arbitrary<Values> {
  const required = Object.keys(slots).filter((name) => slots[name]?.required === true);
  const model = Object.entries(slots).map(([name, { kind, choices }]) => [
    name,
    choices === undefined ? (VALUES[kind] as fc.Arbitrary<unknown>) : fc.constantFrom(...Object.keys(choices)),
  ]);
  return fc.record(Object.fromEntries(model) as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: required });
}
