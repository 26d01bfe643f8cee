/** The decisions part of the report of a bench, for people. */
import Table from 'cli-table3';
import type { DecisionReport, RoundRuns } from './decisions';
import type { Quantiles } from './measure';

const n = (value: number, digits = 0): string =>
  value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
const ms = ({ p50, p95, p99 }: Quantiles, digits = 1): string =>
  `${n(p50, digits)} / ${n(p95, digits)} / ${n(p99, digits)}`;

export function decisionTables({
  voters,
  atOnce,
  inProcess,
  http,
  commitsPerRound,
  bytesPerRound,
  approval,
  waiting,
}: DecisionReport): string {
  const round = (name: string, { ms: taken, rounds, cpuMsPerRound }: RoundRuns) => [
    name,
    n(rounds),
    ms(taken),
    n(cpuMsPerRound, 1),
  ];
  const rounds = [
    round('in process', inProcess.single),
    round(`in process, ${atOnce} at once`, inProcess.many),
    round('over HTTP', http.single),
    round(`over HTTP, ${atOnce} at once`, http.many),
  ];
  const { before, after } = waiting.memory;
  return `
Rounds of ${voters} voters: from the request that opens one to the answer to the vote that closes it; ${n(commitsPerRound, 1)} commits and ${n(bytesPerRound)} bytes of receipts a round. Over HTTP the voters are in two processes and hear of it by their inboxes
${drawn(['', 'rounds', 'ms p50 / p95 / p99', 'processor ms a round'], rounds)}

An approval: proposed, held, approved, cleared and taken, ${n(approval.commits, 1)} commits; beside one command that appends one event
${drawn(
  ['', 'ms p50 / p95 / p99', 'processor ms'],
  [
    ['plain command', ms(approval.plainMs), n(approval.plainCpuMs, 2)],
    ['through an approval', ms(approval.ms), n(approval.cpuMs, 2)],
  ],
)}

${n(waiting.approvals)} approvals that wait: ${n(after.heapMb - before.heapMb, 1)} MB of heap (rss ${n(before.rssMb)} → ${n(after.rssMb)} MB), ${n(waiting.restartMs)} ms to start again, ${ms(waiting.pageMs)} ms for the first hundred of the queue (p50 / p95 / p99)

${drawn(['target, on two quiet cores', 'goal', 'measured', ''], decisionTargets({ inProcess, http }))}

`;
}

/** What is to be reached; nothing fails when it is not. */
function decisionTargets({ inProcess, http }: Pick<DecisionReport, 'inProcess' | 'http'>): string[][] {
  const target = (name: string, goal: number, measured: number) => [
    name,
    `< ${goal} ms`,
    `${n(measured, 1)} ms`,
    measured < goal ? 'yes' : 'not here',
  ];
  return [
    target('a round in process, p50', 20, inProcess.single.ms.p50),
    target('a round over HTTP, p95', 500, http.single.ms.p95),
    target('rounds at once over HTTP, p95', 500, http.many.ms.p95),
  ];
}

function drawn(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}
