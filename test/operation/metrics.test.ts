/** What the page promises of each metric is what is measured, and of receipts that there are. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aimText } from '../../cli/audit/measurements';
import { measure, type Measured, METRICS } from '../../domain/operation/metrics';
import { PeriodCounter, type TaskRow } from '../../domain/operation/period';
import { tasks } from '../../projections/market/tasks';
import { actions } from '../../projections/oversight/actions';
import { approvals } from '../../projections/oversight/approvals';
import { rounds } from '../../projections/oversight/rounds';

const ROOT = join(__dirname, '../..');
const FROM = '2026-11-21T00:00:00.000Z';
const TO = '2026-11-22T00:00:00.000Z';

test('the page says of each metric what the code does, and names no other', () => {
  const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `\w+` \|.*$/gm)].map(([row]) => row);
  const orNone = (text: string) => (text === '' ? '–' : text);
  expect(rows).toEqual(
    METRICS.map((metric) => {
      const events = metric.events.map((event) => `\`${event}\``).join(', ');
      const series = metric.series === null ? '–' : `\`${metric.series}\``;
      return `| \`${metric.id}\` | ${metric.title} | ${metric.formula} | ${events} | ${orNone(aimText(metric))} | ${series} |`;
    }),
  );
});

test('each event behind a metric is one that receipts have', () => {
  const code = globSync('domain/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  const events = new Set([...code.matchAll(/\bEvent<\s*'(\w+)'/g)].map(([, event]) => event));
  expect(METRICS.flatMap((metric) => metric.events).filter((event) => !events.has(event))).toEqual([]);
  expect(METRICS.filter((metric) => metric.events.length === 0)).toEqual([]);
});

function task(more: Partial<TaskRow>): TaskRow {
  return {
    id: 'a',
    task_type: 'x',
    status: 'completed',
    agent: 'recon-7',
    posted_at: '2026-11-21T09:00:00.000Z',
    deadline: null,
    finished_at: '2026-11-21T10:00:00.000Z',
    ended_by: null,
    cost_micro_usd: null,
    ...more,
  };
}

const valuesOf = (measured: Measured, before?: Measured) =>
  Object.fromEntries(measure(measured, before).map(({ metric, value, meets }) => [metric.id, [value, meets]]));

describe('a period', () => {
  test('counts what ended in it: at its first time, and not at the one after it', () => {
    const counter = new PeriodCounter(FROM, TO);
    for (const finished_at of [FROM, '2026-11-20T23:59:59.999Z', TO, null]) counter.task(task({ finished_at }));
    counter.task(task({ status: 'running' }));
    expect(counter.figures.ended).toEqual({ completed: 1, cancelled: 0, expired: 0, dead: 0 });
    expect(counter.figures.columns).toHaveLength(24);
    expect(counter.figures.columns[0]).toEqual({ label: '2026-11-21T00', ended: counter.figures.ended });
  });

  test('of nothing has no values, and meets and misses no goal', () => {
    const { figures } = new PeriodCounter(FROM, TO);
    expect(new Set(measure({ period: figures }).map(({ value, meets }) => [value, meets].join()))).toEqual(
      new Set([',']),
    );
  });

  test('gives each metric of work by its formula', () => {
    const counter = new PeriodCounter(FROM, TO);
    const [early, late] = ['2026-11-21T09:30:00.000Z', '2026-11-21T10:00:00.000Z'];
    counter.task(task({ deadline: late, cost_micro_usd: 100 }));
    counter.task(task({ deadline: early, cost_micro_usd: 200, agent: 'recon-8' }));
    counter.task(task({ status: 'expired', deadline: early }));
    counter.task(task({ status: 'dead', ended_by: 'recon-7', cost_micro_usd: 300 }));
    counter.task(task({ status: 'cancelled', deadline: late }));
    const { figures } = counter;
    expect(valuesOf({ period: figures })).toMatchObject({
      completed_within_sla: [1 / 3, null],
      completion: [0.5, null],
      cost_per_task: [200, null],
    });
    const cheaper = new PeriodCounter(FROM, TO);
    cheaper.task(task({ cost_micro_usd: 199 }));
    expect(valuesOf({ period: cheaper.figures }, { period: figures })['cost_per_task']).toEqual([199, true]);
    expect(valuesOf({ period: figures }, { period: cheaper.figures })['cost_per_task']).toEqual([200, false]);
    expect(figures).toMatchObject({
      seconds: { count: 2, p50: 3_600, p99: 3_600 },
      completedByAgent: [
        ['recon-7', 1],
        ['recon-8', 1],
      ],
      failed: { rows: [{ status: 'expired' }, { status: 'dead', ended_by: 'recon-7' }], more: 0 },
    });
  });

  test('gives each metric of decisions by its formula', () => {
    const counter = new PeriodCounter(FROM, TO);
    const at = '2026-11-21T10:00:00.000Z';
    for (let i = 0; i < 20; i += 1) counter.action({ human: i < 3, proposed_at: at });
    counter.action({ human: true, proposed_at: TO });
    const asked = { requested_at: '2026-11-21T09:59:50.000Z', closed_at: at };
    counter.approval({ ...asked, outcome: 'approved', edited: false });
    counter.approval({ ...asked, outcome: 'approved', edited: true });
    counter.approval({ ...asked, outcome: 'rejected', edited: false });
    counter.approval({ ...asked, outcome: 'defaulted', edited: false });
    counter.approval({ ...asked, outcome: null, closed_at: null, edited: false });
    for (const overridden of [true, ...new Array<boolean>(9).fill(false)])
      counter.round({ outcome: 'agreed', overridden, finished_at: at });
    counter.round({ outcome: 'no_quorum', overridden: false, finished_at: at });
    counter.round({ outcome: null, overridden: false, finished_at: at });
    expect(valuesOf({ period: counter.figures })).toMatchObject({
      human_share: [0.15, false],
      human_agreement: [1 / 3, null],
      approval_wait: [10, null],
      consensus_upheld: [0.9, false],
    });
    expect(counter.figures.rounds).toEqual([
      ['agreed', 10],
      ['cancelled', 1],
      ['no_quorum', 1],
    ]);
  });
});

test('the load of pools is weighed by their agents, and held against its goals', () => {
  const load = { gini: 0.25, utilisation: 0.6, idle: 0.2 };
  expect(valuesOf({ load })).toEqual({ gini: [0.25, true], utilisation: [0.6, true], idle: [0.2, false] });
});

test('rows tell the day of which they are counted, and a list is looked up by it', () => {
  for (const { fields } of [tasks, approvals, rounds]) expect(fields).toContain('ended_on');
  expect(actions.fields).toContain('proposed_on');
});
