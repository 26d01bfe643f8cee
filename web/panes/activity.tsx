/** *Activity*: how busy each pool was, five minutes by five minutes, as far back as the host remembers. */
import { useRef } from 'preact/hooks';
import { percent } from '../../cli/words';
import type { Pool as PoolSchema, pools } from '../../contract/market/pools';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { linkTo, place } from '../lib/route';
import { hostNow } from '../lib/session';
import { clockTime } from '../lib/time';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { HeatMap } from '../parts/heat-map';
import { AsOf, Shown } from '../parts/outcome';
import { Said } from '../parts/said';
import { texts } from '../texts';

type Pool = ShownOf<typeof PoolSchema>;

const BIN_MS = 300_000;
/** As far back as the host remembers, and less, which is there sooner. */
const HOURS = [2, 6] as const;
/** What six hours have of it, and so the most that there is. */
const SAMPLES = 2_160;
/** Pools that are shown: those with the most agents. */
const MOST = 24;
const EVERY_MS = 30_000;
const { activity: words } = texts;

/** Of five minutes: the sum of its means, and how many there were. */
interface Bin {
  sum: number;
  count: number;
}

interface Row {
  readonly pool: Pool;
  readonly bins: ReadonlyMap<number, Bin>;
}

export function Activity() {
  const hours = place.value.query.get('hours') === '6' ? 6 : 2;
  const known = useRef(new Map<string, Map<number, Bin>>());
  const loaded = useLoad(`activity ${hours}`, (signal) => activity(hours, known.current, signal), {
    everyMs: EVERY_MS,
  });
  return (
    <>
      <div class="pane-head">
        <h1 tabIndex={-1}>{words.title}</h1>
        <nav class="tabs" aria-label={words.span}>
          {HOURS.map((one) => (
            <a
              key={one}
              href={linkTo('activity', [], { hours: one === 2 ? undefined : String(one) })}
              aria-current={one === hours ? 'true' : undefined}
            >
              {words.hours(one)}
            </a>
          ))}
        </nav>
      </div>
      <p class="soft">{words.intro}</p>
      <Shown of={loaded}>
        {({ rows, columns, pools }) =>
          rows.length === 0 ? (
            <Empty title={words.empty} text={words.emptyText} commands={['npx formicary pools']} />
          ) : (
            <>
              <HeatMap
                columns={columns}
                wordOf={percent}
                rows={rows.map((row) => ({
                  key: row.pool.pool,
                  name: (
                    <>
                      <Said text={row.pool.pool} most={80} />{' '}
                      <span class="soft">{texts.agents.count(row.pool.sample.agents)}</span>
                    </>
                  ),
                  summary: summaryOf(row, columns),
                  values: columns.map((at) => meanOf(row.bins.get(at))),
                }))}
              />
              {pools > rows.length && <p class="soft">{words.cut(rows.length)}</p>}
            </>
          )
        }
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={['npx formicary pools', 'npx formicary pools POOL --minutes 360']} />
    </>
  );
}

async function activity(hours: number, known: Map<string, Map<number, Bin>>, signal: AbortSignal) {
  const { value } = await call<typeof pools.list>('GET /v1/pools', {}, { signal });
  const last = Math.floor(hostNow() / BIN_MS) * BIN_MS;
  const columns = Array.from({ length: (hours * 3_600_000) / BIN_MS }, (_, i) => last - i * BIN_MS).reverse();
  const shown = value.toSorted((a, b) => b.sample.agents - a.sample.agents).slice(0, MOST);
  const rows: Row[] = [];
  for (const pool of shown) rows.push({ pool, bins: await binsOf(pool.pool, columns, known, signal) });
  return { rows, columns, pools: value.length };
}

/** Only what is not known yet is asked for, and the five minutes that were under way. */
async function binsOf(
  pool: string,
  columns: readonly number[],
  known: Map<string, Map<number, Bin>>,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Bin>> {
  const first = columns[0] as number;
  const before = known.get(pool) ?? new Map<number, Bin>();
  const whole = before.has(first) || [...before.keys()].some((at) => at < first);
  const from = whole ? Math.max(first, ...before.keys()) : first;
  const { value } = await call<typeof pools.history>(
    'GET /v1/pools/{pool}/history',
    { params: { pool }, query: { from: new Date(from).toISOString(), limit: SAMPLES } },
    { signal },
  );
  const bins = new Map([...before].filter(([at]) => at >= first && at < from));
  for (const { at, utilisation } of value) {
    const start = Math.floor(Date.parse(at) / BIN_MS) * BIN_MS;
    const bin = bins.get(start) ?? { sum: 0, count: 0 };
    bins.set(start, { sum: bin.sum + utilisation, count: bin.count + 1 });
  }
  known.set(pool, bins);
  return bins;
}

function meanOf(bin: Bin | undefined): number | undefined {
  return bin && bin.sum / bin.count;
}

function summaryOf({ pool, bins }: Row, columns: readonly number[]): string {
  const means = columns.flatMap((at) => {
    const mean = meanOf(bins.get(at));
    return mean === undefined ? [] : [{ at, mean }];
  });
  const most = means.reduce<(typeof means)[number] | undefined>(
    (found, one) => (found === undefined || one.mean > found.mean ? one : found),
    undefined,
  );
  return words.summary(
    pool.pool,
    percent(pool.sample.utilisation),
    most && { share: percent(most.mean), time: clockTime(most.at).slice(0, 5) },
  );
}
