/** What the commands on tenants do. */
import type { Tenant, TenantSummary } from '../../client/tenants';
import { firstOf } from '../lists';
import { ago, bold, call, type Context, note, print, printJson, printTable, said, usd } from '../terminal';

/** Lists all tenants: a restore is told by this list whom it must not open again, so nothing of it may be missing. */
export async function list({ client, json }: Context): Promise<void> {
  const { rows: value } = await firstOf(client.tenants.all(), Infinity);
  if (json) return printJson({ value });
  printTable(
    [
      'TENANT',
      'AGENTS',
      'TASKS',
      'SIGNALS/MIN',
      'REQUESTS/S',
      'SPEND/MONTH',
      'BYTES',
      'APPROVALS',
      'CREATED',
      'IS',
      'BY',
      'REASON',
    ],
    value.map(({ name, limits, created_at, by, reason, closed, erased }) => [
      bold(said(name)),
      shown(limits.agents),
      shown(limits.tasks),
      shown(limits.signals_per_minute),
      shown(limits.requests_per_second),
      money(limits.spend_micro_usd),
      shown(limits.storage_bytes),
      shown(limits.approvals_per_requester, 'usual'),
      created_at === undefined ? '–' : ago(created_at),
      erased !== undefined ? 'erased' : closed !== undefined ? 'closed' : 'open',
      said(by ?? '–'),
      said(reason ?? '–'),
    ]),
    ['AGENTS', 'TASKS', 'SIGNALS/MIN', 'REQUESTS/S', 'SPEND/MONTH', 'BYTES', 'APPROVALS'],
    'No tenant was created.',
  );
}

export interface ShowInput {
  readonly name: string;
}

/** Shows a tenant. */
export async function show({ client, json }: Context, { name }: ShowInput): Promise<void> {
  const found = await client.tenants.get(name);
  if (json) return printJson(found);
  print(`${bold(said(found.name))} ${madeBy(found)}`);
  for (const line of endings(found)) print(line);
  printTable(
    ['LIMIT', 'MOST', 'HAS'],
    [
      ['agents', shown(found.limits.agents), shown(found.has?.agents)],
      ['tasks that are not over', shown(found.limits.tasks), shown(found.has?.tasks)],
      ['signals a minute, in each process', shown(found.limits.signals_per_minute), '–'],
      ['requests a second, in each process', shown(found.limits.requests_per_second), '–'],
      ['spend in a month', money(found.limits.spend_micro_usd), '–'],
      ['bytes stored', shown(found.limits.storage_bytes), shown(found.has?.storage_bytes, '–')],
      ['approvals of one requester that wait', shown(found.limits.approvals_per_requester, 'usual'), '–'],
    ],
    ['MOST', 'HAS'],
    '',
  );
}

function endings({ agreed, closed, erased }: Tenant): string[] {
  const done = (what: string, { at, by, with: other, reason }: NonNullable<Tenant['closed']>) =>
    `${what} for good ${ago(at)}, by ${said(by)} and ${said(other)}: ${said(reason)}`;
  return [
    ...(agreed === undefined ? [] : [`to ${agreed.ending} it was agreed ${ago(agreed.at)} by ${said(agreed.by)}`]),
    ...(closed === undefined ? [] : [done('closed', closed)]),
    ...(erased === undefined ? [] : [done('erased', erased)]),
  ];
}

function madeBy({ created_at, by, reason }: Tenant): string {
  const created = created_at === undefined ? 'is there without being created' : `was created ${ago(created_at)}`;
  return by === undefined ? `${created}; it has no limits` : `${created}; limits by ${said(by)}: ${said(reason ?? '')}`;
}

/** The options; `none` takes a limit away, which creating does not know. */
export interface LimitInput<T extends number | 'none'> {
  readonly name: string;
  readonly agents?: T;
  readonly tasks?: T;
  readonly signals?: T;
  readonly requests?: T;
  readonly spend?: T;
  readonly storage?: T;
  readonly approvals?: T;
  readonly reason: string;
}

/** Creates a tenant. */
export async function create({ client, json }: Context, input: LimitInput<number>): Promise<void> {
  const { name, reason } = input;
  const limits = limitsIn(input, (most) => most);
  const answer = await client.tenants.create(name, { limits, reason });
  if (json) return printJson(answer);
  print(`${bold(said(name))} is there: here now, everywhere within a second.`);
}

/** Changes limits of a tenant. */
export async function limit({ client, json }: Context, input: LimitInput<number | 'none'>): Promise<void> {
  const { name, reason } = input;
  const changes = limitsIn(input, (most) => (most === 'none' ? null : most));
  const answer = await client.tenants.limit(name, { limits: changes, reason });
  if (json) return printJson(answer);
  const { limits } = answer.tenant;
  const all = [
    `${shown(limits.agents)} agents`,
    `${shown(limits.tasks)} tasks`,
    `${shown(limits.signals_per_minute)} signals a minute`,
    `${shown(limits.requests_per_second)} requests a second`,
    `${money(limits.spend_micro_usd)} to spend in a month`,
    `${shown(limits.storage_bytes)} bytes stored`,
    `${shown(limits.approvals_per_requester, 'as many as usual')} approvals of one requester that wait`,
  ];
  print(`${bold(said(name))} may have ${all.join(', ')}: here now, everywhere within a second.`);
}

export interface EndInput {
  readonly name: string;
  readonly reason: string;
}

/** Closes a tenant, or agrees to it. */
export async function close({ client, json }: Context, { name, reason }: EndInput): Promise<void> {
  const answer = await client.tenants.close(name, { reason });
  if (json) return printJson(answer);
  const { closed } = answer.tenant;
  if (closed === undefined) return printAgreed(answer.tenant, 'close');
  print(`${bold(said(name))} is closed for good, by ${said(closed.by)} and ${said(closed.with)}.`);
}

/** Erases a tenant, or agrees to it. */
export async function erase({ client, json }: Context, { name, reason }: EndInput): Promise<void> {
  const answer = await client.tenants.erase(name, { reason });
  if (json) return printJson(answer);
  const { erased } = answer.tenant;
  if (erased === undefined) return printAgreed(answer.tenant, 'erase');
  print(`${bold(said(name))} is erased, by ${said(erased.by)} and ${said(erased.with)}: nobody opens a person of it.`);
  note(
    'Backups of the keys from before still hold it: keep the list of tenants apart from them, see docs/personal-data.md.',
  );
}

function printAgreed({ name }: TenantSummary, ending: string): void {
  print(
    `You have agreed; a second person has to, within the hour: \`${call('another')} tenant ${ending} ${said(name)} --reason …\``,
  );
}

/** The limits in what was given, each as `read` has it. */
function limitsIn<T extends number | 'none', U>(input: LimitInput<T>, read: (most: T | undefined) => U) {
  return {
    agents: read(input.agents),
    tasks: read(input.tasks),
    signals_per_minute: read(input.signals),
    requests_per_second: read(input.requests),
    spend_micro_usd: read(input.spend),
    storage_bytes: read(input.storage),
    approvals_per_requester: read(input.approvals),
  };
}

function shown(value: number | undefined, none = 'any'): string {
  return value === undefined ? none : String(value);
}

function money(value: number | undefined): string {
  return value === undefined ? 'any' : usd(value);
}
