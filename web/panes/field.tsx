/** *Field*: which signals are where, how strong they were within the hour, and how they will fade in the next. */
import { percent } from '../../cli/words';
import type { Shown as ShownOf } from '../../contract/route';
import type { signals, Trail as TrailSchema } from '../../contract/signals/signals';
import { call } from '../lib/api';
import { type Emission, emissionsIn, mostIn, PERCEPTIBLE, strengthAt } from '../lib/evaporation';
import { useLoad } from '../lib/load';
import { linkTo, linkToStream, place } from '../lib/route';
import { hostNow } from '../lib/session';
import { categoryOf, idOf } from '../lib/streams';
import { clockTime, span } from '../lib/time';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { Facts, Section } from '../parts/facts';
import { HeatMap } from '../parts/heat-map';
import { range } from '../parts/history';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';

type Trail = ShownOf<typeof TrailSchema>;

interface Row {
  readonly trail: Trail;
  readonly stream: string;
  readonly emissions: readonly Emission[];
}

/** Before its first receipt there was no such signal. */
const NOTHING: Emission = { at: 0, strength: 0, decay: 0 };

const BIN_MS = 300_000;
/** Columns before now, and after. */
const AROUND = 12;
/** Trails that are shown: the strongest. */
const MOST = 16;
/** Of a trail's receipts, as many of the newest are read. */
const RECEIPTS = 50;
const EVERY_MS = 15_000;
const { field: words } = texts;

export function Field({ type, location }: { readonly type?: string; readonly location?: string }) {
  const below = place.value.query.get('below') ?? undefined;
  const loaded = useLoad(`field ${below}`, (signal) => field(below, signal), {
    changedBy: ['trail'],
    everyMs: EVERY_MS,
  });
  return (
    <>
      <h1 tabIndex={-1}>{words.title}</h1>
      <p class="soft">{words.intro}</p>
      <Shown of={loaded}>
        {({ rows, now, cut }) => {
          const first = Math.floor(now / BIN_MS) * BIN_MS - (AROUND - 1) * BIN_MS;
          const columns = Array.from({ length: 2 * AROUND }, (_, i) => first + i * BIN_MS);
          const chosen = rows.find(({ trail }) => trail.type === type && trail.location === location);
          return rows.length === 0 ? (
            <Empty
              title={words.empty}
              text={words.emptyText}
              commands={['npx formicary signals emit resource_needed finance/ledger 0.8']}
            />
          ) : (
            <>
              <HeatMap
                columns={columns}
                wordOf={percent}
                now={(now - first) / BIN_MS}
                rows={rows.map(({ trail, emissions }) => ({
                  key: `${trail.type} ${trail.location}`,
                  name: (
                    <a
                      href={linkTo('field', [trail.type, trail.location], { below })}
                      aria-current={trail === chosen?.trail ? 'true' : undefined}
                    >
                      <Said text={trail.location} most={120} />{' '}
                      <span class="soft">
                        <Said text={trail.type} />
                      </span>
                    </a>
                  ),
                  summary: words.summary(
                    `${trail.type} at ${trail.location}`,
                    percent(trail.strength),
                    trail.gone_at === null ? undefined : clockTime(trail.gone_at),
                  ),
                  values: columns.map((at) => mostIn(emissions, at, at + BIN_MS)),
                }))}
              />
              {cut && <p class="soft">{words.cut(MOST)}</p>}
              {type !== undefined && <Curve row={chosen} now={now} />}
            </>
          );
        }}
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={['npx formicary signals']} />
    </>
  );
}

async function field(location: string | undefined, signal: AbortSignal) {
  const now = hostNow();
  const { value } = await call<typeof signals.field>(
    'GET /v1/signals',
    { query: { location, limit: MOST + 1 } },
    { signal },
  );
  const shown = value.slice(0, MOST).sort((a, b) => (a.location + a.type < b.location + b.type ? -1 : 1));
  const rows: Row[] = [];
  for (const trail of shown) rows.push(await rowOf(trail, signal));
  return { rows, now, cut: value.length > MOST };
}

async function rowOf(trail: Trail, signal: AbortSignal): Promise<Row> {
  const { stream, version } = await call<typeof signals.trail>(
    'GET /v1/signals/{type}/{*location}',
    { params: { type: trail.type, location: trail.location } },
    { signal },
  );
  const from = Math.max(0, version + 1 - RECEIPTS);
  const commits = await range(categoryOf(stream), idOf(stream), { from, to: version }, signal);
  const emissions = emissionsIn(commits);
  return { trail, stream, emissions: from === 0 ? [NOTHING, ...emissions] : emissions };
}

const WIDTH = 720;
const HEIGHT = 180;
/** Of the curve, before now and after. */
const SPAN_MS = AROUND * BIN_MS;
const STEP_MS = 60_000;

/** One trail: what strengthened it, and how it fades. */
function Curve({ row, now }: { readonly row: Row | undefined; readonly now: number }) {
  if (row === undefined) return <p class="soft">{words.gone}</p>;
  const { trail, stream, emissions } = row;
  const { strength, decay_rate: decay, gone_at: goneAt } = trail;
  const xOf = (time: number) => ((time - now + SPAN_MS) / (2 * SPAN_MS)) * WIDTH;
  const yOf = (value: number) => HEIGHT - value * (HEIGHT - 4);
  const line = (from: number, to: number) => {
    const jumps = emissions.filter(({ at }) => at > from && at <= to);
    const steps = Array.from({ length: Math.round((to - from) / STEP_MS) + 1 }, (_, i) => from + i * STEP_MS);
    return [...steps, ...jumps.flatMap(({ at }) => [at - 1, at])]
      .sort((a, b) => a - b)
      .map((time) => `${xOf(time).toFixed(1)},${yOf(strengthAt(emissions, time) ?? 0).toFixed(1)}`)
      .join(' ');
  };
  const half = Math.log(0.5) / Math.log(1 - decay);
  return (
    <Section title={words.curve(trail.type, trail.location)}>
      <svg
        class="curve"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={words.summary(
          `${trail.type} at ${trail.location}`,
          percent(strength),
          goneAt === null ? undefined : clockTime(goneAt),
        )}
      >
        {[0.25, 0.5, 0.75, 1].map((share) => (
          <line key={share} class="curve-grid" x2={WIDTH} y1={yOf(share)} y2={yOf(share)} />
        ))}
        <line class="curve-now" x1={xOf(now)} x2={xOf(now)} y2={HEIGHT} />
        <polyline class="curve-was" points={line(now - SPAN_MS, now)} />
        <polyline class="curve-will" points={line(now, now + SPAN_MS)} />
      </svg>
      <p class="curve-times soft" aria-hidden="true">
        {[-60, -30, 0, 30, 60].map((by) => (
          <span key={by}>{clockTime(now + by * 60_000).slice(0, 5)}</span>
        ))}
      </p>
      <Facts
        of={[
          [words.strength, percent(strength)],
          [words.decay, words.aMinute(percent(decay))],
          [words.half, decay > 0 && decay < 1 && span(half * 60)],
          [words.goneAt, goneAt === null ? words.never : <Away at={goneAt} />],
          [words.emitter, <Code text={trail.emitter_agent} />],
          [words.last, <When at={trail.reinforced_at} />],
          [words.emissions, trail.emissions.toLocaleString('en')],
          [
            'stream',
            <a href={linkToStream(stream)}>
              <Code text={stream} />
            </a>,
          ],
        ]}
      />
      <p class="soft">{words.law(PERCEPTIBLE)}</p>
    </Section>
  );
}
