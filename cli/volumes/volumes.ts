/** What the commands on volumes do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Volume, VolumeSnapshot } from '../../client/volumes';
import {
  ago,
  bad,
  bold,
  type Context,
  dim,
  note,
  print,
  printJson,
  printTable,
  RefusedError,
  said,
  UsageError,
} from '../terminal';

/** How often the service is asked how far it is. */
const LOOK_EVERY_MS = 1_000;

export interface AtInput {
  readonly at: string;
}
interface Asking extends AtInput {
  readonly reason: string;
  /** Seconds. */
  readonly wait: number;
}

/** Lists all volumes. */
export async function list({ client, json }: Context): Promise<void> {
  const found = await client.volumes.list();
  if (json) return printJson({ value: found });
  printTable(
    ['VOLUME', 'REGION', 'IS', 'LEVEL', 'GIB', 'COLD AFTER', 'MOUNT', 'COPY'],
    found.map(({ pool, volume, region, state, level, gibibytes, tiered_after_days, mount, replication }) => [
      bold(said(`${pool}/${volume}`)),
      said(region),
      shown(state),
      level,
      gibibytes,
      tiered_after_days === undefined ? '–' : `${tiered_after_days} d`,
      said(mount ?? '–'),
      replication === undefined ? '' : `${replication.healthy ? '' : bad('ailing, ')}${said(replication.mirror_state)}`,
    ]),
    ['GIB'],
    'There is no volume.',
  );
}

/** Lists the snapshots of one. */
export async function snapshots({ client, json }: Context, { at }: AtInput): Promise<void> {
  const found = await client.volumes.snapshots(...nameOf(at));
  if (json) return printJson({ value: found });
  printTable(
    ['SNAPSHOT', 'IS', 'MADE', 'ID'],
    found.map(({ name, state, made_at, id }) => [
      bold(said(name)),
      shown(state),
      made_at === undefined ? '–' : ago(made_at),
      dim(said(id)),
    ]),
    [],
    'It has no snapshots.',
  );
}

export interface MakeInput extends Asking {
  readonly level: Volume['level'];
  readonly gibibytes: number;
}

/** Makes a volume. */
export async function make(context: Context, input: MakeInput): Promise<void> {
  const { at, level, gibibytes, reason } = input;
  const ask = async () => (await context.client.volumes.make(...nameOf(at), { level, gibibytes, reason })).volume;
  await told(context, input, ask, () => true);
}

export interface SnapshotInput extends Asking {
  readonly name?: string;
  readonly agent?: string;
}

/** Takes a snapshot. */
export async function snapshot(context: Context, input: SnapshotInput): Promise<void> {
  const { at, name, agent, reason, wait } = input;
  const { client, json } = context;
  const of = nameOf(at);
  let made = (await client.volumes.snapshot(...of, { name, agent, reason })).snapshot;
  const look = async () => (await client.volumes.snapshots(...of)).find((one) => one.name === made.name) ?? made;
  made = await atRest<VolumeSnapshot>(made, look, Date.now() + wait * 1_000);
  if (json) return printJson(made);
  // One of an earlier day may have the same name.
  const since = made.made_at === undefined ? '' : `, made ${ago(made.made_at)}`;
  print(`${bold(said(made.name))} is ${shown(made.state)}${since}: ${said(made.id)}`);
}

export interface RestoreInput extends Asking {
  readonly snapshot: string;
  readonly into: string;
}

/** Makes a volume of a snapshot. */
export async function restore(context: Context, input: RestoreInput): Promise<void> {
  const { at, snapshot: from, into, reason } = input;
  const ask = async () =>
    (await context.client.volumes.restore(...nameOf(at), { snapshot: from, into, reason })).volume;
  await told(context, input, ask, () => true);
}

export interface MoveInput extends Asking {
  readonly to: string;
}

/** Moves a volume. */
export async function move(context: Context, input: MoveInput): Promise<void> {
  const { at, to, reason, wait } = input;
  const of = nameOf(at);
  const { client, json } = context;
  const begun = (await client.volumes.move(...of, { to, reason })).volume;
  const look = async () =>
    (await client.volumes.list()).find(isCalled({ pool: to, volume: of[1] })) ?? {
      ...begun,
      state: 'underway' as const,
    };
  const moved = begun.pool === to ? begun : await atRest(await look(), look, Date.now() + wait * 1_000);
  if (json) return printJson(moved);
  printVolume(moved);
}

export interface TierInput extends Asking {
  readonly after: number;
}

/** Has what is cold cost less. */
export async function tier(context: Context, input: TierInput): Promise<void> {
  const { at, after: after_days, reason } = input;
  const ask = async () => (await context.client.volumes.tier(...nameOf(at), { after_days, reason })).volume;
  await told(context, input, ask, ({ tiered_after_days }) => tiered_after_days === after_days);
}

/** Keeps a copy elsewhere. */
export async function replicate(context: Context, input: MoveInput): Promise<void> {
  const { at, to, reason } = input;
  const ask = async () => (await context.client.volumes.replicate(...nameOf(at), { pool: to, reason })).volume;
  await told(context, input, ask, ({ replication }) => replication?.mirror_state === 'Mirrored');
}

/** Asks until the volume is as it shall be, and says how it is. */
async function told(
  { client, json }: Context,
  { wait }: Asking,
  ask: () => Promise<Volume>,
  isDone: (volume: Volume) => boolean,
): Promise<void> {
  const until = Date.now() + wait * 1_000;
  for (;;) {
    const begun = await ask();
    const look = async () => (await client.volumes.list()).find(isCalled(begun, begun.region)) ?? begun;
    const now = await atRest(begun, look, until);
    if (isDone(now)) return json ? printJson(now) : printVolume(now);
    await pause(until);
  }
}

/** How something is once the service is done with it. */
async function atRest<T extends { readonly state: Volume['state'] }>(
  begun: T,
  look: () => Promise<T>,
  until: number,
): Promise<T> {
  let now = begun;
  while (now.state === 'underway') {
    await pause(until);
    now = await look();
  }
  if (now.state === 'failed')
    throw new RefusedError(
      'The service has failed at it.',
      'See why in the portal; given again, the command begins anew.',
    );
  return now;
}

async function pause(until: number): Promise<void> {
  if (Date.now() > until)
    throw new UsageError('The service is still at it.', 'Give the command again: it goes on where it is.');
  note(dim('… the service is at it'));
  await sleep(LOOK_EVERY_MS);
}

function isCalled({ pool, volume }: Pick<Volume, 'pool' | 'volume'>, region?: string): (of: Volume) => boolean {
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
  return (of) => same(of.pool, pool) && same(of.volume, volume) && (region === undefined || of.region === region);
}

function printVolume({ pool, volume, region, state, level, gibibytes, mount }: Volume): void {
  const where = mount === undefined ? '' : `, mounted from ${said(mount)}`;
  print(`${bold(said(`${pool}/${volume}`))} in ${said(region)} is ${shown(state)}: ${level}, ${gibibytes} GiB${where}`);
}

function shown(state: Volume['state']): string {
  return state === 'failed' ? bad(state) : state;
}

/** `POOL/VOLUME`. */
function nameOf(at: string): [pool: string, volume: string] {
  const [pool = '', volume = '', ...rest] = at.split('/');
  if (pool === '' || volume === '' || rest.length > 0)
    throw new UsageError(`${at} is no POOL/VOLUME.`, 'Give both, such as payloads/payloads.');
  return [pool, volume];
}
