import { bad, bold, count, dim, good, print, printJson, printTable, type Context } from '../terminal';

/** How the host is. */
export async function status({ client, json, globals }: Context): Promise<void> {
  const found = await client.status();
  if (json) return printJson({ url: globals.url, ...found });
  const parked = found.feed.reduce((sum, lane) => sum + lane.parked, 0);
  print(`${bold(globals.url)} is ${good('ready')}: ${count(found.open_tasks, 'open task')}${parked > 0 ? bad(`, ${count(parked, 'parked commit')}`) : ''}`);
  print('');
  printTable(
    ['CONSUMER', 'LAG', 'DELAY', 'PARKED'],
    found.feed.map(({ consumer, lag, delay_seconds: delay, parked: dead }) => [consumer, lag ?? dim('–'), delay === null ? dim('–') : `${delay.toFixed(1)} s`, dead > 0 ? bad(String(dead)) : 0]),
    ['LAG', 'DELAY', 'PARKED'],
  );
  print('');
  printTable(
    ['VIEW', 'SERVING', 'BUILDING'],
    found.views.map(({ view, serving, building }) => [view, serving, building === null ? dim('–') : `${building.name}, ${building.left} left`]),
  );
}
