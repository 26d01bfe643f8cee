import type { WaitingSummary } from '../../client/client';
import { healthOf } from '../health';
import {
  bad,
  bold,
  type Context,
  count,
  dim,
  duration,
  good,
  lineOf,
  note,
  print,
  printJson,
  printTable,
  said,
} from '../terminal';

/** How the host is. */
export async function status({ client, json, globals }: Context): Promise<void> {
  const found = await client.status();
  const { ready, reasons } = (await healthOf(globals.url)) ?? {
    ready: false,
    reasons: ['it has just stopped to answer'],
  };
  if (json) return printJson({ url: globals.url, ready, reasons, ...found });
  const parked = found.feed.reduce((sum, lane) => sum + lane.parked, 0);
  print(
    `${bold(globals.url)} is ${ready ? good('ready') : bad('NOT ready')}: ${count(found.open_tasks, 'open task')}${parked > 0 ? bad(`, ${count(parked, 'parked commit')}`) : ''}${found.stopped > 0 ? bad(`, ${count(found.stopped, 'thing')} stopped`) : ''}`,
  );
  for (const reason of reasons) print(`${bad(ready ? 'degraded' : 'not ready')}  ${said(reason)}`);
  printWaiting(found.waiting);
  print('');
  printTable(
    ['CONSUMER', 'LAG', 'DELAY', 'PARKED'],
    found.feed.map(({ consumer, lag, delay_seconds: delay, parked: dead }) => [
      consumer,
      lag ?? dim('–'),
      delay === null ? dim('–') : `${delay.toFixed(1)} s`,
      dead > 0 ? bad(String(dead)) : 0,
    ]),
    ['LAG', 'DELAY', 'PARKED'],
  );
  print('');
  printTable(
    ['VIEW', 'SERVING', 'BUILDING'],
    found.views.map(({ view, serving, building }) => [
      view,
      serving,
      building === null ? dim('–') : `${building.name}, ${building.left} left`,
    ]),
  );
}

/** What open tasks, and those that are held, wait for. */
function printWaiting({ open, looked_at, groups }: WaitingSummary): void {
  if (groups.length === 0) return;
  print('');
  printTable(
    ['WAITING', 'TASKS', 'LONGEST', 'FOR EXAMPLE', 'WHY'],
    groups.map((group) => [
      group.code,
      group.count,
      duration(group.waited_seconds * 1_000),
      bold(group.example),
      lineOf(group.text, 120),
    ]),
    ['TASKS', 'LONGEST'],
  );
  if (looked_at < open)
    note(dim(`Of ${count(open, 'task')} that wait, the ${looked_at} that have waited longest were looked at.`));
}
