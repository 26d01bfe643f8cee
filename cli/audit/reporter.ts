/** `formicary reporter`: an agent that writes a report into a folder whenever a task asks for one. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PRIVATE_FOLDER } from '../../adapters/embedded/folder';
import { Fail } from '../../client/worker/errors';
import type { WorkerTask } from '../../client/worker/task';
import { Worker } from '../../client/worker/worker';
import { putFile } from '../put-file';
import { type Context, lineOf, note, UsageError } from '../terminal';
import { readPerformance } from './performance';
import { performanceTable } from './performance-csv';
import { performancePage } from './performance-page';
import { dayOf, type PerformanceKind, periodOf, zoneOf } from './performance-period';

export interface ReporterInput {
  /** The folder that reports are written into. */
  readonly out: string;
}

/** The type of the tasks, and of the agent that does them. */
export const REPORT_TASK = 'formicary.report';
const FORM = 'the payload must be {"report":"daily"} or {"report":"weekly"}, with a "zone" or without';

/** Works until it is told to stop. */
export async function reporter(context: Context, { out }: ReporterInput): Promise<void> {
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const { client: formicary } = context;
  const { id, kind } = await formicary.identity.me();
  if (kind !== 'agent')
    throw new UsageError(`${id} is no agent, and an agent does tasks`, 'Say which one with --principal reporter.');
  note(`${id} writes reports into ${folder} when a task of the type ${REPORT_TASK} asks for one`);
  const worker = new Worker({ formicary, agent: id, agent_type: REPORT_TASK });
  await worker.task(REPORT_TASK, (task) => write(context, folder, task)).run();
}

/** Writes what a task asks for; the result says which files, and the metrics. */
async function write({ client, globals }: Context, folder: string, task: WorkerTask): Promise<object> {
  const { kind, zone } = wanted(await task.payload());
  // One that comes late is of the day that it was due for.
  const now = Date.parse(task.spec.schedule?.due ?? new Date().toISOString());
  const period = within(() => periodOf(kind, { zone }, now));
  const performance = await readPerformance(client, period, task.signal);
  const report = { ...performance, kind, tenant: globals.tenant ?? 'default' };
  // The days of two places are not the same.
  const place = zone === undefined ? '' : `-${zoneOf(zone).replaceAll(/[^\w+-]/g, '-')}`;
  const name = `${kind}-${dayOf(period.from, zone)}${place}`;
  const files = [`${name}.html`, `${name}.csv`] as const;
  putFile(join(folder, files[0]), performancePage(report));
  putFile(join(folder, files[1]), performanceTable(report));
  note(`${lineOf(task.id)}: ${name}`);
  const metrics = report.measurements.map(({ metric, value, meets }) => [metric.id, { value, meets }] as const);
  return { files, ...period, complete: report.complete, metrics: Object.fromEntries(metrics) };
}

/** Whoever posts tasks may ask for anything. */
function wanted(payload: unknown): { readonly kind: PerformanceKind; readonly zone: string | undefined } {
  const { report: kind, zone, ...others } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  const isZone = zone === undefined || (typeof zone === 'string' && zone.length <= 64);
  if ((kind !== 'daily' && kind !== 'weekly') || !isZone || Object.keys(others).length > 0)
    throw new Fail(FORM, { retryable: false });
  return { kind, zone };
}

/** What can't be is not tried again. */
function within<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof UsageError ? new Fail(error.message, { retryable: false }) : error;
  }
}
