/** Looks at a host from the outside and at its folder from below, and says what is wrong and what to do. */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isHeld } from '../../adapters/embedded/folder';
import { keyFaults } from '../../adapters/embedded/key-check';
import { type Formicary, FormicaryError } from '../../client/client';
import { type Health, healthOf } from '../health';
import { dataFolder } from '../log-file';
import { bad, CALL, call, type Context, count, dim, good, print, printJson, said } from '../terminal';

export interface DoctorInput {
  readonly data?: string;
}

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** Not looked at: it is not wrong, but nobody says that it is well. */
  readonly skipped?: true;
  readonly detail: string;
  /** What to do when it is not well. */
  readonly advice?: string;
}

/** Clocks of one machine that differ by more are not in order. */
const MAX_CLOCK_SKEW_MS = 2_000;
const LEAST_FREE_BYTES = 1e9;
const LARGE_WAL_BYTES = 256e6;
/** A consumer that is this far behind is late. */
const MAX_DELAY_SECONDS = 30;

/** Ends with 1 when anything is wrong. */
export async function doctor(context: Context, { data }: DoctorInput): Promise<void> {
  const { answered, findings } = await lookAtHost(context);
  const folder = dataFolder(data);
  const isOther = data === undefined && answered && !isHeld(folder);
  findings.push(
    ...(isOther
      ? [
          {
            check: 'folder',
            ok: true,
            skipped: true as const,
            detail: `${folder} is not that host's, and was not looked at: name its folder with --data`,
          },
        ]
      : await folderFindings(folder)),
  );
  if (findings.some(({ ok }) => !ok)) context.foundWrong();
  if (context.json) return printJson(findings);
  for (const { check, ok, skipped, detail, advice } of findings) {
    const well = skipped ? dim('–') : good('✓');
    print(`${ok ? well : bad('✗')} ${check.padEnd(12)} ${said(detail)}`);
    if (!ok && advice !== undefined) print(dim(`  ${' '.repeat(12)} ${advice}`));
  }
}

/** What is found from the outside, and whether a host answered at all. */
async function lookAtHost({ client, globals }: Context): Promise<{ answered: boolean; findings: Finding[] }> {
  const asked = Date.now();
  const health = await healthOf(globals.url);
  if (health === undefined)
    return {
      answered: false,
      findings: [
        {
          check: 'host',
          ok: false,
          detail: `no host answers at ${globals.url}`,
          advice: `Start one with \`${CALL} start\`, or name another with --url.`,
        },
      ],
    };
  const findings: Finding[] = [readiness(health), clock(health, asked)];
  try {
    findings.push(...(await colony(client)));
  } catch (error) {
    if (!(error instanceof FormicaryError)) throw error;
    findings.push({ check: 'colony', ok: false, detail: error.problem.detail });
  }
  return { answered: true, findings };
}

function readiness({ ready, reasons }: Health): Finding {
  const why = reasons.join('; ');
  return ready && reasons.length === 0
    ? { check: 'host', ok: true, detail: 'ready' }
    : {
        check: 'host',
        ok: false,
        detail: ready ? `ready, but degraded: ${why}` : `not ready: ${why}`,
        advice: '"Health" and "What to do when" in docs/operation.md say what each means.',
      };
}

function clock({ date }: Health, asked: number): Finding {
  // What it says has whole seconds.
  const skew = Number.isNaN(date) ? 0 : Math.max(0, asked - (date + 1_000), date - Date.now());
  return {
    check: 'clock',
    ok: skew <= MAX_CLOCK_SKEW_MS,
    detail:
      skew <= MAX_CLOCK_SKEW_MS
        ? 'the host and this machine agree'
        : `the host's clock differs from this machine's by ${Math.round(skew / 1_000)} s`,
    advice: 'Have both set their clocks by a time server.',
  };
}

async function colony(client: Formicary): Promise<Finding[]> {
  const { feed, open_tasks } = await client.status();
  const parked = feed.reduce((sum, lane) => sum + lane.parked, 0);
  const late = feed.filter(({ delay_seconds }) => (delay_seconds ?? 0) > MAX_DELAY_SECONDS);
  const agents = { active: 0, lost: 0 };
  for (const status of ['active', 'lost'] as const)
    for await (const _ of client.agents.all({ status })) agents[status] += 1;
  let dead = 0;
  for await (const _ of client.tasks.all({ status: 'dead' })) dead += 1;
  const stopped = await client.stops.list();
  return [
    {
      check: 'stops',
      ok: stopped.length === 0,
      detail:
        stopped.length === 0
          ? 'nothing is stopped'
          : `stopped: ${stopped.map(({ kind, name }) => (kind === 'global' ? 'everything' : `${kind} ${name}`)).join(', ')}`,
      advice: `What is stopped does nothing and counts no time; \`${call()} stops\` says why, by whom and since when.`,
    },
    {
      check: 'feed',
      ok: late.length === 0,
      detail:
        late.length === 0
          ? 'every consumer keeps up'
          : `late: ${late.map(({ consumer, delay_seconds }) => `${consumer} by ${Math.round(delay_seconds ?? 0)} s`).join(', ')}`,
      advice: `It works off what has come in; \`${call()} status\` shows whether it gets less.`,
    },
    {
      check: 'parked',
      ok: parked === 0,
      detail: count(parked, 'commit'),
      advice: `\`${call()} parked\` says which and why; \`${call()} parked --redrive-all\` tries them again.`,
    },
    {
      check: 'agents',
      ok: agents.active > 0 || open_tasks === 0,
      detail: `${agents.active} active, ${agents.lost} lost`,
      advice: 'Tasks wait and nobody is there to do them: start agents.',
    },
    {
      check: 'tasks',
      ok: dead === 0,
      detail: `${open_tasks} open, ${dead} dead`,
      advice: `\`${call()} tasks --status dead\` lists them, \`${call()} redrive --all\` brings them back.`,
    },
  ];
}

async function folderFindings(folder: string): Promise<Finding[]> {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    return [
      {
        check: 'folder',
        ok: true,
        detail: `${folder} is not here to be looked at (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      },
    ];
  }
  const open = [folder, ...entries.map((name) => join(folder, name))].filter(
    (path) => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077,
  );
  const { bavail, bsize } = statfsSync(folder);
  const wal = entries
    .filter((name) => name.endsWith('-wal'))
    .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
  // A host that runs has held its keys against the folder itself, those of its settings too.
  const keys = isHeld(folder) ? [] : await keyFaults(folder);
  return [
    {
      check: 'keys',
      ok: keys.length === 0,
      detail:
        keys.length === 0
          ? 'those are there by which it was sealed and signed'
          : keys.map(({ file, fault }) => `${fault === 'missing' ? 'missing' : 'another key'}: ${file}`).join(', '),
      advice:
        '"Backup" in docs/operation.md: put the kept ones in their place, unless the settings of its host give the keys.',
    },
    {
      check: 'disk',
      ok: bavail * bsize >= LEAST_FREE_BYTES,
      detail: `${megabytes(bavail * bsize)} free for ${folder}`,
      advice: 'Make room: a host on a full disk is not ready and takes nothing.',
    },
    {
      check: 'log',
      ok: wal <= LARGE_WAL_BYTES,
      detail: `${megabytes(wal)} not yet in the database file`,
      advice: 'A long reader keeps it from shrinking: end exports and streams that are not needed.',
    },
    {
      check: 'permissions',
      ok: open.length === 0 || process.platform === 'win32',
      detail:
        open.length === 0
          ? 'private to the owner'
          : `others may read ${open.length === 1 ? (open[0] as string) : `${open[0]} and ${open.length - 1} more`}`,
      advice: `chmod -R go= ${folder}`,
    },
  ];
}
