/** What is said of a machine's clock, and when a start is refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEmbedded } from '../../adapters/embedded/open';
import { ClockCheck } from '../../app/engine/clock-check';
import { toMillis } from '../../domain/kernel/time';
import { chain, EPOCH } from '../support/commits';
import { as, spec, Stage } from '../support/stage';

const AT = toMillis(EPOCH);
const newest = async () => ({ ref: 'acme/task/t@3', at: EPOCH });

function at(time: number, drift = 0): { check: ClockCheck; reports: string[] } {
  const reports: string[] = [];
  return {
    check: new ClockCheck({ now: () => time, drift: () => drift }, (message) => reports.push(message)),
    reports,
  };
}

test('a start whose clock is far behind the log is refused with a way out; one that is a little behind says so', async () => {
  const far = at(AT - 86_400_000);
  await expect(far.check.start(newest, 600)).rejects.toThrow(
    /acme\/task\/t@3.*86400 s later.*FORMICARY_MAX_CLOCK_BEHIND=86460/,
  );
  await far.check.start(newest, 86_460);
  expect(far.check.trouble()).toContain('86400 s ahead of the clock');
  const near = at(AT - 30_000);
  await near.check.start(newest, 600);
  expect([near.reports.length, near.check.status(), near.check.trouble()]).toEqual([
    1,
    { drift_ms: 0, log_ahead_ms: 30_000 },
    undefined,
  ]);
  const right = at(AT + 1);
  await right.check.start(newest, 0);
  expect([right.reports, right.check.trouble()]).toEqual([[], undefined]);
});

test('a clock that was set while the process runs is said, and a receipt that lies ahead, not for each', () => {
  expect(at(AT, -3_600_000).check.trouble()).toContain('3600 s behind');
  expect(at(AT, 86_400_000).check.trouble()).toContain('86400 s ahead');
  const { check, reports } = at(AT - 3_600_000);
  for (let index = 0; index < 10; index += 1) check.saw({ stream: 'acme/task/t', index, at: EPOCH });
  expect(reports).toHaveLength(1);
});

test('the newest receipt of a folder is the one with the latest time, wherever it stands', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'formicary-newest-'));
  const ports = await openEmbedded(folder);
  try {
    expect(await ports.newest?.()).toBeUndefined();
    const long = chain('acme/task/long', 3);
    const short = chain('acme/task/short', 1);
    await ports.store.append({ stream: 'acme/task/long', expected: -1, commits: long });
    await ports.store.append({ stream: 'acme/task/short', expected: -1, commits: short });
    expect(await ports.newest?.()).toEqual({ ref: 'acme/task/long@2', at: long[2]?.commit.at });
  } finally {
    await ports.close();
    rmSync(folder, { recursive: true });
  }
});

describe('processes that share a log note its newest receipt for each other', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = new Stage({ shared: true });
    await stage.start();
    expect((await stage.colony.tasks.post(as('poster'), 't', spec())).ok).toBe(true);
    await stage.settled();
    for (const process of stage.living) process.kill();
  });
  afterEach(() => stage.end());

  test('a start whose clock is a little behind says so, at the start, in readiness and in the status', async () => {
    stage.clock.time -= 300_000;
    const { colony } = await stage.start();
    expect(stage.reports.map(({ message }) => message)).toContain('the clock of this machine is behind the log');
    expect(colony.clockCheck.status().log_ahead_ms).toBeGreaterThan(290_000);
    const clock = (await colony.readiness.look()).find(({ check }) => check === 'clock');
    expect(clock).toMatchObject({ ok: false, reason: expect.stringContaining('ahead of the clock') });
  });

  test('one whose clock is far behind is refused with a way out', async () => {
    stage.clock.time -= 3_600_000;
    const process = await stage.prepare();
    await expect(process.colony.start()).rejects.toThrow(/FORMICARY_MAX_CLOCK_BEHIND=36/);
    process.kill();
  });

  test('one whose clock is right says nothing', async () => {
    const { colony } = await stage.start();
    expect([stage.reports.filter(({ message }) => message.includes('clock')), colony.clockCheck.trouble()]).toEqual([
      [],
      undefined,
    ]);
  });
});
