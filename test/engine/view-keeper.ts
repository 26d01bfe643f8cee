/** A process that keeps views, on a stage that the test cuts as it likes. */
import { Feed } from '../../app/engine/feed';
import type { Ports } from '../../app/engine/ports';
import type { Transactor } from '../../app/engine/transact';
import { type Sharing, viewOf, Views } from '../../app/engine/views';
import { parseStream, streamName } from '../../domain/kernel/ids';
import type { CorrelationDoc } from '../../projections/audit/correlations';
import type { Projection } from '../../projections/projection';
import { eventually } from '../support/eventually';
import { ALLOWING } from '../support/policy';
import { type Mishap, Stage } from '../support/stage';
import { add, AGENT, asking, type Tally, tally } from '../support/transacting';

const TENANTS = ['acme', 'other'] as const;

export interface SumDoc {
  readonly id: string;
  readonly sum: number;
  /** Version of the reducer that made it. */
  readonly by: number;
}

/** The sums of tallies, as one version of the reducer has them. */
const sums = (version: number): Projection<Tally, SumDoc> => ({
  name: 'sums',
  version,
  category: 'tally',
  fields: ['sum'],
  row: ({ tenant, id, stream, version: index }, { sum, ops }) =>
    ops.length === 0 ? undefined : { tenant, key: 'all', source: stream, index, doc: { id, sum, by: version } },
});

/** A process that keeps the views of the stage's log. */
export interface Keeper {
  readonly views: Views;
  readonly feed: Feed;
  readonly ports: Ports;
  readonly transactor: Transactor;
  /** As death does it: nothing is finished and nothing saved. */
  crash(): void;
  stop(): Promise<void>;
}

/** The stage of this test. */
export let stage: Stage;

/** Goes on with a stage of its own, on which nothing has happened yet. */
export function newStage(): Stage {
  stage = new Stage();
  // The rules know nothing of the aggregate of these tests.
  stage.policy = ALLOWING;
  return stage;
}
let keepers: Keeper[];

beforeEach(() => {
  newStage();
  keepers = [];
});

afterEach(async () => {
  for (const { crash } of keepers) crash();
  await stage.end();
});

/** Made, and not started. */
export async function make(version = 1, sharing?: Sharing): Promise<Keeper> {
  const process = await stage.prepare();
  const { ports, transactor } = process.colony;
  const { store, checkpoints, report } = ports;
  const views = new Views({ store, views: ports.views, checkpoints, streams: transactor, report, sharing });
  views.add(viewOf(sums(version), tally));
  const feed = new Feed(ports.store, ports.checkpoints, ports.queue, stage.clock, ports.report);
  const keeper = {
    views,
    feed,
    ports,
    transactor,
    crash: () => {
      process.kill();
      void feed.stop();
      void views.stop();
    },
    stop: async () => {
      await feed.stop();
      await views.stop();
    },
  };
  keepers.push(keeper);
  return keeper;
}

export async function start(version = 1): Promise<Keeper> {
  const keeper = await make(version);
  await keeper.views.start();
  await keeper.feed.start([keeper.views]);
  return keeper;
}

/** Adds to tallies: `count` commits each, of one correlation. Both tenants use the same names for everything. */
export async function write(
  { transactor }: Keeper,
  ids: readonly string[],
  count = 1,
  correlationId = 'request',
): Promise<void> {
  for (const tenant of TENANTS) {
    const context = asking({ principal: { ...AGENT, tenant }, correlationId });
    const commands = ids.flatMap((id) =>
      Array.from({ length: count }, (_, i) =>
        transactor.transact(
          tally,
          streamName(tenant, 'tally', id),
          add(`${tenant}-${i}`, tenant === 'acme' ? 1 : 100),
          context,
        ),
      ),
    );
    expect((await Promise.all(commands)).every(({ ok }) => ok)).toBe(true);
  }
}

/** What a view holds for a tenant: what it says of each source. */
export async function held<D>({ ports }: Keeper, name: string, tenant: string): Promise<Record<string, D>> {
  const { rows } = await ports.views.query<D>(name, { tenant, limit: 1_000 });
  return Object.fromEntries(rows.map(({ key, source, doc }) => [`${key} ${source}`, doc]));
}

/** The views that serve say what the log says, each tenant's its own. */
export async function expectRight(keeper: Keeper, by = 1): Promise<void> {
  for (const tenant of TENANTS) {
    const streams = stage.streams('tally').filter((stream) => stream.startsWith(`${tenant}/`));
    const docs = Object.fromEntries(
      streams.map((stream) => [
        `all ${stream}`,
        { id: parseStream(stream).id, sum: stage.fold(tally, stream).state.sum, by },
      ]),
    );
    expect(await held<SumDoc>(keeper, keeper.views.serving('sums'), tenant)).toEqual(docs);
    const firsts: Record<string, CorrelationDoc> = {};
    for (const { stream, index, meta } of stage.log())
      if (stream.startsWith(`${tenant}/`)) firsts[`${meta.correlationId} ${stream}`] ??= { first: index };
    expect(await held<CorrelationDoc>(keeper, keeper.views.serving('correlations'), tenant)).toEqual(firsts);
  }
}

/** Has calls of a port on a view (or a checkpoint) of this name wait until the door is opened, or go wrong. */
export function onCall(call: string, name: string, what: Mishap | Promise<void>): void {
  stage.mishaps = (port, method, [first]) => (`${port}.${method}` === call && first === name ? what : undefined);
}

export function door(call: string, name: string): () => void {
  let open = () => undefined as void;
  onCall(call, name, new Promise<void>((resolve) => (open = resolve)));
  return () => {
    stage.mishaps = () => undefined;
    open();
  };
}

export const reported = (message: string) => stage.reports.filter((report) => report.message === message).length;
export const names = async ({ ports }: Keeper) => (await ports.views.list()).filter((name) => name.startsWith('sums'));
export const buildingOf = ({ views }: Keeper) => views.status().find(({ view }) => view === 'sums')?.building;
/** The background rebuild of the sums is over. */
export const built = (keeper: Keeper) => eventually(() => buildingOf(keeper) === null);
