/** The report of a bench, for people. */
import Table from 'cli-table3';
import type { IdleReport } from './agents';
import type { AppendReport } from './append';
import type { BacklogReport } from './backlog';
import type { CostReport } from './cost';
import type { Spent } from './cost-colony';
import { DOORS, type DoorsReport } from './doors';
import type { HostileReport } from './hostile';
import type { JobsReport } from './jobs';
import type { Dearer, LogReport } from './log';
import type { BenchReport, HttpReport, LifecycleReport } from './main';
import type { Quantiles } from './measure';
import type { OverloadReport } from './overload';
import type { Skipped } from './peer';
import { NOT_IN_BULLMQ } from './peer-bullmq';
import { NOT_IN_DBOS } from './peer-dbos';
import type { PeerReport } from './peers';
import type { SignalReport } from './signals';
import type { SoakReport } from './soak';
import type { StartReport } from './start';
import type { StopReport } from './stop';
import type { WindowReport } from './window';

const n = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const percent = (share: number): string => `${n(share * 100, 1)} %`;

interface Target {
  readonly name: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

export function printReport(report: BenchReport): string {
  const { append, lifecycle, http, signals, start, cost, backlog, agents, overload, machine } = report;
  const { jobs, doors, log, soak, peers, hostile, stop, window } = report;
  const targets = targetsOf(report);
  const parts = [
    `${machine.cpus} × ${machine.model}, Node ${machine.node}, load ${n(machine.loadAverage, 1)} at the start; ${n(report.seconds)} s${report.smoke ? '; a smoke run: the figures mean nothing' : ''}`,
    append && appendTables(append),
    lifecycle && lifecycleTable(lifecycle),
    http && httpTable(http),
    signals && signalTable(signals),
    start && startTable(start),
    cost && costTable(cost),
    backlog && backlogTable(backlog),
    jobs && jobsTable(jobs),
    doors && doorsTable(doors),
    agents && agentsTable(agents),
    overload && overloadTable(overload),
    stop && stopTable(stop),
    window && windowTables(window),
    log && logTable(log),
    soak && soakTable(soak),
    peers && peersTable(peers),
    hostile && hostileTable(hostile),
    // A smoke run's figures mean nothing: it has no targets.
    targets.length === 0 || report.smoke
      ? undefined
      : table(
          ['target, on two quiet cores', 'goal', 'measured', ''],
          targets.map(({ name, goal, measured, met }) => [name, goal, measured, met ? 'yes' : 'not here']),
        ),
  ];
  return `\n${parts.filter((part) => part !== undefined).join('\n\n')}\n\n`;
}

/** What is to be reached; nothing fails when it is not. */
export function targetsOf(report: BenchReport): Target[] {
  const { append, lifecycle, http, jobs, overload, stop, log, soak, hostile, window } = report;
  const targets: Target[] = [];
  const add = (name: string, goal: string, measured: string, met: boolean) =>
    void targets.push({ name, goal, measured, met });
  const writers = append?.lengths[0]?.append.find((result) => result.writers === 32);
  if (writers !== undefined) {
    add('append, 32 writers', '≥ 20,000 commits/s', n(writers.append.perSecond), writers.append.perSecond >= 20_000);
    add('of the limit with 32 commits a sync', '≥ 45 %', percent(writers.ofLimit), writers.ofLimit >= 0.45);
  }
  const many = append?.lengths[0]?.append.find((result) => result.writers === 256);
  if (many !== undefined)
    add('of the limit with 256 commits a sync', '≥ 20 %', percent(many.ofLimit), many.ofLimit >= 0.2);
  if (lifecycle !== undefined) {
    add(
      'life cycles in process',
      '≥ 5,000 tasks/s',
      n(lifecycle.fresh.tasksPerSecond),
      lifecycle.fresh.tasksPerSecond >= 5_000,
    );
    add(`slower on ${n(lifecycle.events)} events`, '≤ 15 %', percent(lifecycle.slower), lifecycle.slower <= 0.15);
    add('slower with policy', '≤ 15 %', percent(lifecycle.policy.slower), lifecycle.policy.slower <= 0.15);
  }
  if (http !== undefined) {
    add('life cycles over HTTP', '≥ 2,000 tasks/s', n(http.fresh.tasksPerSecond), http.fresh.tasksPerSecond >= 2_000);
    add(`over HTTP, slower on ${n(http.events)} events`, '≤ 15 %', percent(http.slower), http.slower <= 0.15);
  }
  if (jobs !== undefined) {
    const { tasks, ratio, othersMs } = jobs;
    add(`a task in a job of ${n(tasks)}`, '≤ 2 times as dear', n(ratio, 2), ratio <= 2);
    add('others beside it are awarded, p99', '≤ 1 s', `${n(othersMs.p99)} ms`, othersMs.p99 <= 1_000);
  }
  const { task, approval, rest, cost } = report;
  const units = (name: string, most: number, measured: number | undefined) =>
    measured !== undefined && add(name, `≤ ${most}`, n(measured, 1), measured <= most);
  units('request units of a task', 60, task?.ru);
  units('requests of a task', 12, task?.requests);
  units('request units of an approval', 80, approval?.ru);
  units(`request units a second, ${n(cost?.agentsAtRest ?? 0)} agents at rest`, 60, rest?.ruPerSecond);
  units('operations of Service Bus a second at rest', 5, rest?.operationsPerSecond);
  if (log !== undefined)
    for (const [name, { ratio }] of dearerOf(log))
      add(`${name} on ${n(log.events)} events`, '≤ 1.05 times as dear', n(ratio, 2), ratio <= 1.05);
  if (soak !== undefined) add('heap over a soak', '≤ 2 % more', percent(soak.growth), soak.growth <= 0.02);
  if (overload !== undefined) {
    const { goodput, wasted, livingLost, byAgentsShift, recoverySeconds, refusedP99Ms } = overload;
    const [most = '', share = 0] = byTimes(goodput).at(-1) ?? [];
    add(`completed at ${most} times the peak`, '≥ 80 % of it', percent(share), share >= 0.8);
    add('attempts thrown away', '< 2 %', percent(wasted), wasted < 0.02);
    add('living agents lost', '0', n(livingLost), livingLost === 0);
    add('decisions that agents lost to others', '≤ 5 %', percent(byAgentsShift), byAgentsShift <= 0.05);
    const recovered = recoverySeconds === null ? 'not in time' : `${n(recoverySeconds, 1)} s`;
    add('as before after the burst', '≤ 30 s', recovered, recoverySeconds !== null && recoverySeconds <= 30);
    add('a refused post is answered, p99', '≤ 100 ms', `${n(refusedP99Ms)} ms`, refusedP99Ms <= 100);
  }
  for (const [profile, { worst }] of Object.entries(stop ?? {}))
    add(`a freeze holds in all processes, ${profile}`, '≤ 1 s', `${n(worst)} ms`, worst <= 1_000);
  if (window !== undefined && !('skipped' in window)) {
    const { quiet, busy, panes, viewers } = window;
    // Of a few that were taken, and of none, it would say little.
    for (const [name, { answered }] of Object.entries({ quiet, busy }).filter(([, { isMeasured }]) => isMeasured))
      add(`on the screen, ${name}, p99`, '< 50 ms', `${n(answered.p99)} ms`, answered.p99 < 50);
    const least = Math.min(...Object.values(panes).map(({ perSecond }) => perSecond));
    const most = Math.max(...Object.values(panes).map(({ heapMb }) => heapMb));
    add('frames a second, of the slowest pane', '≥ 30', n(least, 1), least >= 30);
    add('memory of the largest pane', '< 300 MB', `${n(most)} MB`, most < 300);
    add(`fewer tasks with ${viewers.viewers} who follow`, '< 10 %', percent(viewers.slower), viewers.slower < 0.1);
  }
  if (hostile !== undefined) {
    const { attacks, agentsLost, tasks, completed } = hostile;
    const { nothing: _, ...real } = attacks;
    const [worst = '', slower = 0] =
      Object.entries(real)
        .map(([attack, found]) => [attack, found.slower] as const)
        .toSorted(([, a], [, b]) => b - a)[0] ?? [];
    add(`others slower by ${worst}, at most`, '≤ 20 %', percent(slower), slower <= 0.2);
    add('their agents lost', '0', n(agentsLost), agentsLost === 0);
    add('their tasks not done', '0', n(tasks - completed), tasks === completed);
  }
  return targets;
}

function appendTables({ bytesPerCommit, lengths }: AppendReport): string {
  const rows: string[][] = [];
  for (const { commits, append, read } of lengths) {
    for (const { writers, append: rate, limit, ofLimit } of append) {
      rows.push([
        n(commits),
        n(writers),
        n(rate.perSecond),
        `${n(rate.ms.p50, 2)} / ${n(rate.ms.p99, 2)}`,
        `${n(limit.commitsPerSecond)} (${n(limit.syncsPerSecond)} syncs/s)`,
        percent(ofLimit),
      ]);
    }
    rows.push([
      n(commits),
      'read back',
      `${n(read.commitsPerSecond)} commits/s`,
      '',
      `${n(read.streamsPerSecond)} streams/s folded, ${n(read.feedCommitsPerSecond)} commits/s by the feed`,
      '',
    ]);
  }
  return `${heading('Append and read back', `\`transact\` over the embedded store, commits of ${n(bytesPerCommit)} bytes. The limit: one file, write(2) of as many commits' bytes as there are writers, fdatasync(2), and again.`)}
${table(['commits in the log', 'writers', 'commits/s', 'ms p50 / p99', 'limit, commits/s', 'of the limit'], rows)}`;
}

function lifecycleTable({
  fresh,
  atOnce,
  past,
  events,
  slower,
  moreCpu,
  unjudged,
  policy,
  commitsPerTask,
  receiptBytesPerTask,
  memory,
}: LifecycleReport): string {
  const row = (
    name: string,
    { tasksPerSecond, runs }: LifecycleReport['fresh'],
    memory?: LifecycleReport['memory']['fresh'],
  ): string[] => {
    const last = runs.at(-1);
    return [
      name,
      n(tasksPerSecond),
      runs.map((run) => n(run.tasksPerSecond)).join(', '),
      last === undefined ? '' : `${n(last.awardMs.p50)} / ${n(last.awardMs.p99)}`,
      runs.map((run) => n(run.cpuMsPerTask, 3)).join(', '),
      runs.map((run) => n(run.commitsPerTask, 1))[0] ?? '',
      memory === undefined ? '' : `${n(memory.rssMb)} / ${n(memory.heapMb)}`,
    ];
  };
  return `${heading('Life cycles in process', `post, award, accept, complete, slot given back, views followed; ${n(commitsPerTask, 1)} commits and ${n(receiptBytesPerTask)} bytes of receipts a task`)}
${table(['store', 'tasks/s', 'runs', 'award ms p50 / p99', 'main thread ms a task', 'commits', 'MB rss / heap'], [row('fresh', fresh, memory.fresh), row('fresh, accepted with the result', atOnce), row('fresh, nobody asks policy', unjudged), row(`${n(events)} events`, past, memory.past)])}
${n(Math.abs(slower) * 100, 1)} % ${slower >= 0 ? 'slower' : 'faster'} on the store with the past; its main thread works ${n(Math.abs(moreCpu) * 100, 1)} % ${moreCpu >= 0 ? 'more' : 'less'} for a task
${n(Math.abs(policy.slower) * 100, 1)} % ${policy.slower >= 0 ? 'slower' : 'faster'} with policy than without; its main thread works ${n(Math.abs(policy.moreCpu) * 100, 1)} % ${policy.moreCpu >= 0 ? 'more' : 'less'} for a task; ${n(policy.decisionMicroseconds, 1)} µs a decision`;
}

function httpTable({ fresh, gateways, atOnce, perGateway, past, events, slower }: HttpReport): string {
  const row = (name: string, { tasksPerSecond, runs }: HttpReport['fresh']): string[] => [
    name,
    n(tasksPerSecond),
    runs.map((run) => n(run.tasksPerSecond)).join(', '),
    runs.map((run) => n(run.hostCpuMsPerTask, 2)).join(', '),
    n(runs.at(-1)?.hostRssMb ?? 0),
  ];
  const through = `fresh, a gateway for ${n(perGateway)} agents`;
  return `${heading('Life cycles over HTTP', 'the host in one process, the agents in two (each long-polls, accepts and completes for itself), tasks posted in batches of 50 from a fourth')}
${table(['store', 'tasks/s', 'runs', 'host ms a task', 'host rss MB'], [row('fresh', fresh), row(through, gateways), row(`${through}, accepted with the result`, atOnce), row(`${n(events)} events`, past)])}
${n(Math.abs(slower) * 100, 1)} % ${slower >= 0 ? 'slower' : 'faster'} on the store with the past`;
}

function signalTable({ inProcess, http }: SignalReport): string {
  const rows = inProcess.map(({ commits, single, batch }) => [
    'in process',
    n(commits),
    `${n(single.perSecond)} (${n(single.p99Ms)} ms)`,
    `${n(batch.perSecond)} (${n(batch.p99Ms)} ms)`,
  ]);
  rows.push([
    'over HTTP',
    '',
    `${n(http.single.perSecond)} (${n(http.single.p99Ms)} ms)`,
    `${n(http.batch.perSecond)} (${n(http.batch.p99Ms)} ms)`,
  ]);
  return `${heading('Signals a second', 'one signal a call from 256 callers (64 over HTTP), and 1,000 a call from 4; p99 of a call in brackets; in process until the view has followed')}
${table(['', 'commits in the log', 'single', 'batches'], rows)}`;
}

function startTable(report: StartReport): string {
  const { helloMs, formicaryMs, moreMs, azureMs, azureMb, packages, dependenciesMb, codeMb } = report;
  return `${heading('Cold start', 'from the start of a process to its first answer, under the development host, on an empty store; medians')}
${table(
  ['', 'ms'],
  [
    ['an app that says hello', n(helloMs)],
    ['Formicary', n(formicaryMs)],
    ['more', n(moreMs)],
    ['what is uploaded to Azure', n(azureMs)],
  ],
)}
Installed: ${n(codeMb, 1)} MB of our own code, ${n(packages)} packages of ${n(dependenciesMb, 1)} MB; uploaded to Azure: ${n(azureMb, 1)} MB`;
}

function backlogTable(report: BacklogReport): string {
  const { waiting, emptyCpuMs, hopelessCpuMs, hopelessRatio, shallowCpuMs, deepCpuMs, deepRatio } = report;
  return table(
    [`beside ${n(waiting)} tasks that wait`, 'ms of a core a task', 'without, or with a tenth', 'times'],
    [
      ['life cycle, beside tasks that nobody can do', n(hopelessCpuMs, 2), n(emptyCpuMs, 2), n(hopelessRatio, 2)],
      ['they are worked off, beside a tenth of them', n(deepCpuMs, 2), n(shallowCpuMs, 2), n(deepRatio, 2)],
    ],
  );
}

function jobsTable(report: JobsReport): string {
  const { tasks, seconds, aloneCpuMs, jobCpuMs, ratio, aloneMs, othersMs, links, linkMs } = report;
  return table(
    ['tasks that come after each other', 'there', 'posted one by one', 'times'],
    [
      [`a job of ${n(tasks)}, ms of a core a task`, n(jobCpuMs, 2), n(aloneCpuMs, 2), n(ratio, 2)],
      ['from its post to its end', `${n(seconds, 1)} s`, '', ''],
      ['awards of others beside it, p50 / p99', `${n(othersMs.p50)} / ${n(othersMs.p99)} ms`, n(aloneMs.p99), ''],
      [`a link of a chain of ${n(links)}`, `${n(linkMs, 1)} ms`, '', ''],
    ],
  );
}

const DOOR_NAMES = { http: 'plain HTTP', mcp: 'MCP', a2a: 'A2A', python: 'Python', job: 'one job' };

function doorsTable({ tasks, jobTasks, callers, doors }: DoorsReport): string {
  const rows = DOORS.map((name) => {
    const door = doors[name];
    if ('skipped' in door) return [DOOR_NAMES[name], door.skipped, '', '', ''];
    const { hostCpuMs, requests, bytes, wallMs, ofHttp } = door;
    const of = (value: string, ratio: number) => `${value} (${n(ratio, 2)})`;
    return [
      DOOR_NAMES[name],
      of(n(hostCpuMs, 2), ofHttp.hostCpuMs),
      of(n(requests, 1), ofHttp.requests),
      of(n(bytes), ofHttp.bytes),
      of(n(wallMs, 1), ofHttp.wallMs),
    ];
  });
  return `${heading('Doors', `what a task costs from its post to the answer that it is completed, with who asks for it and the agent: ${n(tasks)} through each door, ${n(callers)} at once, and a job of ${n(jobTasks)}; in brackets how many times as much as over plain HTTP`)}
${table(['a task through', 'ms of a core of the host', 'requests', 'bytes', 'ms'], rows)}`;
}

/** What is judged of it. */
function dearerOf({ lifecycle, http, signal }: LogReport): [name: string, Dearer][] {
  return [
    ['a life cycle in process', lifecycle],
    ['one over HTTP', http],
    ['a signal', signal],
  ];
}

function logTable(report: LogReport): string {
  const rows: [name: string, Dearer][] = [
    ...dearerOf(report),
    ['in process, the thread that decides', report.deciding],
    ['in process, all other threads', report.writing],
    ['in process, KB written', report.written],
  ];
  return `${heading('The length of the log', `${n(report.events)} events and ${n(report.signals)} signals, beside a fresh store`)}
${table(
  ['milliseconds of a core', 'fresh', 'with a past', 'times, the median of the pairs'],
  rows.map(([name, { fresh, past, ratio }]) => [name, n(fresh, 3), n(past, 3), n(ratio, 2)]),
)}`;
}

function soakTable({ tasks, agents, tenths, ...soak }: SoakReport): string {
  return `${heading('Memory', `${n(tasks)} tasks, ${n(agents)} agents that came and went, ${n(soak.void)} awards to agents that had left; from the first three tenths to the last three the heap grew by ${n(soak.growthMb, 1)} MB`)}
${table(
  ['tasks', 'heap after a collection, MB', 'process, MB', 'ms of a core a task'],
  tenths.map((tenth) => [n(tenth.tasks), n(tenth.heapMb, 1), n(tenth.rssMb), n(tenth.cpuMsPerTask, 3)]),
)}`;
}

function agentsTable({ perGateway, presenceSeconds, seconds, restCpuShare, gateways, singly }: IdleReport): string {
  const share = (value: number | null): string => (value === null ? '?' : `${n(100 * value, 1)} %`);
  const rows = (how: string, costs: IdleReport['gateways']): string[][] =>
    costs.map(({ agents, hostCpuShare, cpuUsPerAgent, requestsPerSecond, bytesPerSecond, hostRssMb }) => [
      `${n(agents)} ${how}`,
      share(hostCpuShare),
      cpuUsPerAgent === null ? '?' : n(cpuUsPerAgent, 1),
      n(requestsPerSecond, 1),
      n(bytesPerSecond / agents, 2),
      hostRssMb === null ? '?' : n(hostRssMb),
    ]);
  return `${heading('Agents that only wait', `each measured for ${n(seconds, 1)} s; without agents the host uses ${share(restCpuShare)} of a core. A gateway speaks for ${n(perGateway)}. Who is silent for ${n(presenceSeconds)} s counts as lost: with the 60 s of the default, looks at that are rarer`)}
${table(
  ['agents', 'host, of a core', 'µs a second, an agent', 'requests a second', 'bytes a second, an agent', 'host, MB'],
  [...rows('through gateways', gateways), ...rows('singly', singly)],
)}`;
}

function peersTable({ tasks, formicary, bullmq, dbos, ofBullmq, ofDbos }: PeerReport): string {
  const row = (name: string, { tasksPerSecond, runs }: PeerReport['formicary']): string[] => [
    name,
    n(tasksPerSecond),
    runs.map((run) => n(run)).join(', '),
  ];
  const rows = [row('Formicary, in process', formicary)];
  const said: string[] = [];
  const peer = (name: string, on: string, found: PeerReport['bullmq'], ratio: number | null, missing: string): void => {
    if ('skipped' in found) said.push(`${name} was left out: ${found.skipped}`);
    else {
      rows.push(row(`${name} on ${on}`, found));
      said.push(`${n(ratio ?? 0, 2)} tasks here for each ${missing}`);
    }
  };
  const [notInBullmq, notInDbos] = [NOT_IN_BULLMQ, NOT_IN_DBOS].map((lacks) => lacks.join('; no '));
  peer('BullMQ', 'Redis, appendfsync always', bullmq, ofBullmq, `job of BullMQ, which has no ${notInBullmq}`);
  peer('DBOS', 'PostgreSQL', dbos, ofDbos, `workflow of one step of DBOS, which has no ${notInDbos}`);
  return `${heading('Beside peers', `${n(tasks)} tasks, jobs or workflows from being posted to completion, in turn in one run, each durable before it is answered`)}
${table(['', 'a second', 'runs'], rows)}
${said.join('\n')}`;
}

/** In order of the multiples, which an object does not keep. */
function byTimes(shares: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(shares).sort(([a], [b]) => Number(a) - Number(b));
}

function overloadTable(report: OverloadReport): string {
  const { peak, goodput, refused, refusedMs, hostCores, loadCores, rssMb } = report;
  const rows = byTimes(goodput).map(([times, share]) => [
    `${times} times the peak`,
    n(share * peak),
    percent(share),
    percent(refused[times] ?? 0),
    refusedMs[times] === undefined ? '–' : n(refusedMs[times]),
    `${n(hostCores[times] ?? 0, 2)} / ${n(loadCores[times] ?? 0, 2)}`,
  ]);
  return `${heading('Overload', `tasks posted one by one, at multiples of the ${n(peak)} a second that are done at best; ${n(rssMb)} MB of the host at most`)}
${table(['offered', 'completed/s', 'of the peak', 'refused', 'after ms, p99', 'cores of host / load'], rows)}`;
}

function stopTable(report: StopReport): string {
  const shown = ({ p50, p99 }: Quantiles): string => `${n(p50)} / ${n(p99)}`;
  const rows = Object.entries(report).map(([profile, { processes, answer, here, elsewhere, worst }]) => [
    profile,
    n(processes),
    shown(answer),
    shown(here),
    elsewhere === null ? '–' : shown(elsewhere),
    n(worst),
  ]);
  return `${heading('Freeze', 'ms from the request to its answer, and to the sending of the last post that was taken; p50 / p99')}
${table(['profile', 'processes', 'answered', 'where it was asked', 'elsewhere', 'worst'], rows)}`;
}

function windowTables(report: WindowReport | Skipped): string {
  if ('skipped' in report) return `The window was left out: ${report.skipped}`;
  const { agents, quiet, busy, panes, viewers } = report;
  const shown = ({ p50, p95, p99 }: Quantiles): string => `${n(p50)} / ${n(p95)} / ${n(p99)}`;
  const seen = Object.entries({ quiet, busy }).map(([name, { taken, answered, sent }]) => [
    ...[name, n(taken)],
    ...[shown(answered), shown(sent)],
  ]);
  const drawn = Object.entries(panes).map(([pane, { perSecond, least, gapMs, heapMb, keptMb, receiptsPerSecond }]) => [
    ...[pane, n(receiptsPerSecond), n(perSecond, 1), n(least)],
    ...[`${n(gapMs.p50)} / ${n(gapMs.p99)} / ${n(gapMs.most)}`, `${n(heapMb)} / ${n(keptMb)}`],
  ]);
  const { viewers: count, tasksPerSecond, slower, moreCpu, behindMs, mbPerSecond } = viewers;
  return `${heading('Window', `a browser beside ${n(agents)} agents at work; ms until a receipt is on the screen, from the answer to its command and from the sending of it, p50 / p95 / p99`)}
${table(['', 'posts taken', 'since it was answered', 'since it was sent'], seen)}
${table(['pane', 'receipts/s', 'frames/s', 'in the slowest second', 'ms between frames p50 / p99 / most', 'MB seen / kept'], drawn)}
${n(count)} who follow the receipts: ${n(tasksPerSecond.with)} tasks/s instead of ${n(tasksPerSecond.without)}, ${percent(slower)} fewer, at ${percent(moreCpu)} more of a core for each; ${n(mbPerSecond, 1)} MB/s were sent to them, and the last had all ${n(behindMs)} ms after the work`;
}

function hostileTable({ tenants, scale, attacks }: HostileReport): string {
  const rows = Object.entries(attacks).map(([attack, report]) => [
    attack,
    n(report.quietSeconds, 2),
    n(report.attackedSeconds, 2),
    percent(report.slower),
    `${n(report.quietCores, 2)} / ${n(report.attackedCores, 2)}`,
    report.rssMb === null ? '' : n(report.rssMb),
  ]);
  return `${heading('Hostile load', `the same work of ${tenants} tenants with and without an attack, in turn; scale ${scale}`)}
${table(['attack', 'seconds without', 'with', 'slower', 'cores of the host', 'MB'], rows)}`;
}

function costTable({ tasks, approvals, agentsAtRest, by }: CostReport): string {
  const spents = by.flatMap(({ processes, task, approval, rest }): [string, Spent][] => {
    const where = `with ${processes} process${processes === 1 ? '' : 'es'}`;
    return [
      [`a task, 1 a second, ${where}`, task.slow],
      [`a task, ${n(task.fastPerSecond)} a second, ${where}`, task.fast],
      [`an approval, ${where}`, approval],
      [`a second at rest, ${where}`, rest],
    ];
  });
  const rows = spents.map(([name, { requests, requestUnits, bytesSent, bytesReceived, busOperations }]) => [
    name,
    n(requests, 1),
    n(requestUnits, 1),
    n(bytesSent),
    n(bytesReceived),
    n(busOperations, 1),
  ]);
  const purposes = spents.flatMap(([name, spent]) =>
    Object.entries(spent.by)
      .sort(([, a], [, b]) => b.requestUnits - a.requestUnits)
      .map(([purpose, { requests, requestUnits }], i) => [
        i === 0 ? name : '',
        purpose,
        n(requests, 2),
        n(requestUnits, 2),
      ]),
  );
  return `${heading('Cost in the profile azure', `counted on our protocol servers over ${n(tasks)} tasks, ${n(approvals)} approvals, and with ${n(agentsAtRest)} agents at rest; request units by what is published of Microsoft's charges`)}
${table(['', 'requests to Cosmos DB', 'request units', 'bytes sent', 'received', 'operations of Service Bus'], rows)}
${table(['', 'for', 'requests', 'request units'], purposes)}`;
}

function heading(title: string, explanation: string): string {
  return `${title}: ${explanation}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: [...head],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString();
}
