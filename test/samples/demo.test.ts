/** The demo: its scenario, and a short run with a kill -9 of the host. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isHeld } from '../../adapters/embedded/folder';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { drawRequests, PROFILE } from '../../samples/demand/profile';
import { readTrace } from '../../samples/demand/trace';
import { opinionOf, REVIEW, SPENDING } from '../../samples/demo/decisions';
import { readLog, Verification } from '../../samples/demo/log';
import { capabilitiesOf, cutEfforts, planScenario } from '../../samples/demo/scenario';
import { openBrowser } from '../../samples/demo/window';
import { compiledAll, run } from '../bench/compiled';
import { chain } from '../support/commits';
import { eventually } from '../support/eventually';
import { at } from './receipts';

describe('the log', () => {
  test('what was tampered with shows', () => {
    const stored = chain('default/task/a', 3).map(({ commit, body }) => ({
      stream: commit.stream,
      index: commit.index,
      hash: commit.hash,
      body,
    }));
    const good = new Verification();
    expect([...good.over(stored)].map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
    expect(good).toMatchObject({ verified: true, streams: 1, commits: 3 });
    const bad = new Verification();
    expect([...bad.over(stored.map((entry) => (entry.index === 1 ? { ...entry, body: 'x' } : entry)))]).toHaveLength(2);
    expect(bad.verified).toBe(false);
    expect(bad.faults.map(({ kind }) => kind)).toContain('altered');
  });

  test('a folder without a store', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'formicary-demo-'));
    expect(() => [...readLog(folder)]).toThrow('there is no store');
    expect(isHeld(folder)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

describe('the scenario', () => {
  const options = { agents: 1_000, load: 0.7, speed: 64, seed: 1 };
  const requests = drawRequests(PROFILE, 1);
  const scenario = planScenario(requests, options);

  test('offers the load that was asked for, and no task is much longer than the others', () => {
    const work = scenario.tasks.reduce((sum, { effort }) => sum + effort, 0);
    const seconds = ((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 1000;
    expect(work / (scenario.slots * seconds)).toBeCloseTo(0.7, 6);
    expect(scenario.longestHold / scenario.meanHold).toBeLessThanOrEqual(1.5001);
    expect(scenario.arrivals).toBeCloseTo(seconds / 64, 6);
    expect(scenario.tasks.map(({ due }) => due)).toEqual(
      [...scenario.tasks.map(({ due }) => due)].sort((a, b) => a - b),
    );
    expect(new Set(scenario.tasks.map(({ id }) => id)).size).toBe(requests.length);
  });

  test('all types are there; one agent in 200 vanishes, while there is time to notice', () => {
    expect(new Set(scenario.agents.map(({ id }) => id)).size).toBe(1_000);
    expect(new Set(scenario.agents.map(({ input }) => input.agent_type)).size).toBe(CATALOGUE.length);
    const times = scenario.agents.flatMap(({ vanishesAfter }) => vanishesAfter ?? []);
    expect(times).toHaveLength(5);
    expect(Math.max(...times)).toBeLessThan(scenario.arrivals * 0.7);
    expect(scenario.slots).toBe(2 * 995);
    expect(planScenario(requests, { ...options, agents: 1 }).slots).toBe(2);
  });

  test.each([1, 7, 60, 100])('with %d agents there is somebody for every task', (agents) => {
    const small = planScenario(requests, { ...options, agents });
    const able = new Set(
      small.agents.flatMap(({ input, vanishesAfter }) =>
        vanishesAfter === undefined ? Object.keys(input.capabilities ?? {}) : [],
      ),
    );
    expect(small.tasks.filter(({ agentType }) => !able.has(agentType))).toEqual([]);
  });

  test('leases are as long as they are asked to be, and signs of life as rare as they allow', () => {
    const patient = planScenario(requests, { ...options, lease: 30 });
    expect([patient.leaseSeconds, patient.presenceSeconds, patient.heartbeatSeconds]).toEqual([30, 32, 10]);
    expect(patient.tasks).toEqual(scenario.tasks);
  });

  test('the seed decides it all', () => {
    expect(planScenario(requests, options)).toEqual(scenario);
    const other = planScenario(requests, { ...options, seed: 2 });
    expect(other.agents.map(({ vanishesAfter }) => vanishesAfter)).not.toEqual(
      scenario.agents.map(({ vanishesAfter }) => vanishesAfter),
    );
  });

  test('an agent of a type can do what sisters of its department do, less well', () => {
    for (const entry of CATALOGUE) {
      const { [entry.agent_type]: own, ...others } = capabilitiesOf(entry);
      expect(own).toBe(1);
      expect(Object.values(others).every((level) => level === 0.8)).toBe(true);
      for (const type of Object.keys(others))
        expect(CATALOGUE.find(({ agent_type }) => agent_type === type)?.department).toBe(entry.department);
    }
  });

  test('one task in fifty needs a decision; few of these a person, and all voters stay', () => {
    const overseen = scenario.tasks.flatMap(({ oversight }) => oversight ?? []);
    expect(overseen.length / scenario.tasks.length).toBeCloseTo(0.02, 2);
    const large = overseen.filter(({ impact }) => impact === 'high');
    const reviews = overseen.filter(({ kind }) => kind === REVIEW);
    expect(large.every(({ kind }) => kind === SPENDING)).toBe(true);
    expect(reviews.length).toBeGreaterThan(overseen.length / 2);
    expect(large.length).toBeGreaterThan(0);
    const moods = reviews.map(
      ({ why }) => new Set(scenario.voters.map((voter) => opinionOf(voter, why, ['approve', 'reject'], 1).choice)),
    );
    expect(
      [['approve'], ['reject']].map(([choice]) => moods.some((mood) => mood.size === 1 && mood.has(choice as string))),
    ).toEqual([true, true]);
    expect(moods.filter(({ size }) => size > 1).length + large.length).toBeLessThan(0.15 * overseen.length);
    const staying = new Set(
      scenario.agents.flatMap(({ id, vanishesAfter }) => (vanishesAfter === undefined ? [id] : [])),
    );
    expect(scenario.voters).toHaveLength(7);
    expect(scenario.voters.every((id) => staying.has(id))).toBe(true);
  });

  test('cutting keeps the sum', () => {
    const cut = cutEfforts([1, 1, 1, 1, 96], 2);
    expect(cut.reduce((sum, effort) => sum + effort, 0)).toBeCloseTo(100, 6);
    expect(Math.max(...cut)).toBeLessThanOrEqual(40 + 1e-9);
    expect(cutEfforts([5, 5], 1.5)).toEqual([5, 5]);
    expect(cutEfforts([0, 8], 1)[1]).toBe(4); // what nobody can take is left out
  });
});

describe('npm run demo', () => {
  let folder: string;
  let trace: string;
  const data = (): string => path.join(folder, 'store');

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'formicary-demo-'));
    trace = path.join(folder, 'trace.csv');
    const rows = Array.from(
      { length: 150 },
      (_, i) =>
        `${at(i * 1.6)
          .replace('T', ' ')
          .slice(0, -1)}0000,${100 + ((i * 37) % 3_000)},${5 + ((i * 13) % 60)}`,
    );
    writeFileSync(trace, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['each speaks for itself', '0'],
    ['gateways speak for them', '20'],
  ])(
    'nothing is lost or awarded twice, though agents vanish and the host is killed: %s',
    async (_, gateway) => {
      const { code, output, errors, json } = await run('samples/demo/main.js', [
        '--trace',
        trace,
        '--agents',
        '60',
        '--gateway',
        gateway,
        '--speed',
        '60',
        '--kill',
        '--json',
        '--data',
        data(),
      ]);
      expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
      expect(json).toMatchObject({
        tasks: 150,
        lost: 0,
        unfinished: 0,
        doubleAwards: 0,
        undecided: 0,
        verified: true,
        decisions: { miscounted: 0 },
      });
      expect(Number(json.completed) + Number(json.refused)).toBe(150);
      const { decided, byRules, byAgents, byPeople, rounds } = json.decisions as Record<string, number>;
      const overseen = planScenario(await readTrace(trace), { agents: 60, load: 0.7, speed: 60, seed: 1 }).tasks.filter(
        ({ oversight }) => oversight !== undefined,
      );
      expect({ decided, sum: (byRules ?? 0) + (byAgents ?? 0) + (byPeople ?? 0), rounds }).toEqual({
        decided: overseen.length,
        sum: overseen.length,
        rounds: overseen.filter(({ oversight }) => oversight?.kind === REVIEW).length,
      });
      expect(json.commits).toBeGreaterThan(150 * 6);
      expect(json.chains).toBeGreaterThanOrEqual(150 + 60);
      expect(json.utilisation).toBeGreaterThan(0);
      const { allowed, denied, spent, limit } = json.governance as Record<string, number>;
      expect({
        asked: Number(allowed) > 150 * 5,
        denied: Number(denied) > 0,
        within: Number(spent) <= Number(limit),
      }).toEqual({
        asked: true,
        denied: true,
        within: true,
      });
      expect(Object.keys(json)).toEqual([
        'tasks',
        'completed',
        'refused',
        'lost',
        'unfinished',
        'doubleAwards',
        'undecided',
        'retries',
        'begun',
        'thrownAway',
        'gini',
        'utilisation',
        'idle',
        'awardMs',
        'decisions',
        'governance',
        'commits',
        'chains',
        'verified',
        'seconds',
      ]);
      expect(errors).toContain('the host was killed in the middle');
      const [, task] = /formicary why (\S+)/.exec(output) ?? [];
      // What the last lines say is there: the store, with that task in it.
      expect([...readLog(data())].some(({ stream }) => stream === `default/task/${task}`)).toBe(true);
    },
    180_000,
  );

  test('the same on the profile azure; the receipts stay as an export that holds', async () => {
    const { code, errors, json } = await run('samples/demo/main.js', [
      '--profile',
      'azure-local',
      '--trace',
      trace,
      '--agents',
      '30',
      '--speed',
      '20',
      '--json',
      '--data',
      data(),
    ]);
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    expect(json).toMatchObject({
      tasks: 150,
      lost: 0,
      unfinished: 0,
      doubleAwards: 0,
      undecided: 0,
      verified: true,
      decisions: { miscounted: 0 },
    });
    expect(Number(json.completed) + Number(json.refused)).toBe(150);
    const lines = gunzipSync(readFileSync(path.join(data(), 'log.jsonl.gz')))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    const log = new Verification();
    expect([...log.over(lines.map((line) => JSON.parse(line) as LogLine))]).toHaveLength(Number(json.commits));
    expect(log.verified).toBe(true);
    expect(readdirSync(data())).not.toContain('formicary.db');
    await eventually(() => childrenOf(data()).length === 0);
  }, 180_000);

  test('with --stay the window is there until it is interrupted, and nothing is left of it then', async () => {
    let interrupted = false;
    let page: Promise<string> | undefined;
    const { code, errors, json } = await run(
      'samples/demo/main.js',
      ['--trace', trace, '--agents', '20', '--speed', '60', '--json', '--stay', '--data', data()],
      ({ pid, errors: heard }) => {
        if (interrupted || !heard.includes('to stop: Ctrl+C')) return;
        interrupted = true;
        const url = /the window is at (\S+),/.exec(heard)?.[1] ?? '';
        page = fetch(url).then((answer) => answer.text());
        void page.finally(() => process.kill(pid, 'SIGINT'));
      },
    );
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    expect(json).toMatchObject({ tasks: 150, lost: 0, verified: true });
    expect(await page).toContain('<div id="window">');
    const [, url = '', key = ''] = /the window is at (\S+), its owner's key is (\S+)/.exec(errors) ?? [];
    expect(key).toMatch(/^fmo_/);
    expect(errors).toMatch(/stopped\s*$/);
    await eventually(() => gone(url));
    expect(isHeld(data())).toBe(false);
    await eventually(() => childrenOf(data()).length === 0);
  }, 180_000);

  test('a browser that can not be opened is told of, with the address', async () => {
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    const said: string[] = [];
    const open = (url: string) => openBrowser(url, (text) => said.push(text), { PATH: bin });
    const opener = (body: string) => writeFileSync(path.join(bin, 'xdg-open'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    open('http://127.0.0.1:1/none');
    await eventually(() => said.length === 1);
    opener('exit 3');
    open('http://127.0.0.1:1/broken');
    await eventually(() => said.length === 2);
    const opened = path.join(folder, 'opened');
    opener(`echo "$1" > ${opened}`);
    open('http://127.0.0.1:1/there');
    await eventually(() => existsSync(opened) && readFileSync(opened, 'utf8') === 'http://127.0.0.1:1/there\n');
    expect(said).toEqual([
      '  no browser could be opened here (xdg-open): go to http://127.0.0.1:1/none',
      '  no browser could be opened here (xdg-open): go to http://127.0.0.1:1/broken',
    ]);
  });

  test('nothing of it survives its own death', async () => {
    let url = '';
    const { code, errors } = await run(
      'samples/demo/main.js',
      ['--trace', trace, '--agents', '20', '--speed', '10', '--data', data()],
      ({ pid, errors: heard }) => {
        const found = /host at (\S+),/.exec(heard)?.[1];
        if (found === undefined || url !== '') return;
        url = found;
        process.kill(pid, 'SIGKILL');
      },
    );
    expect({ code, url: url !== '', errors }).toEqual({ code: null, url: true, errors: expect.any(String) as string });
    await eventually(() => gone(url));
    expect(isHeld(data())).toBe(false);
    await eventually(() => childrenOf(data()).length === 0);
  }, 120_000);

  test('a folder that holds something else is left alone', async () => {
    const precious = path.join(folder, 'precious');
    mkdirSync(precious);
    writeFileSync(path.join(precious, 'thesis.txt'), 'ten years');
    const { code, errors } = await run('samples/demo/main.js', ['--trace', trace, '--agents', '2', '--data', precious]);
    expect(code).toBe(1);
    expect(errors).toContain('thesis.txt');
    expect(existsSync(path.join(precious, 'thesis.txt'))).toBe(true);
  }, 60_000);

  test.each([
    [['--agents', '0'], 'give a whole number from 1 to 24000'],
    [['--load', 'much'], 'give a number from 0.01 to 10'],
    [['--trace', '/nowhere/trace.csv'], '/nowhere/trace.csv'],
    [['--profile-file', '/nowhere/profile.json'], '/nowhere/profile.json'],
    [['--profile-file', path.join(__dirname, '../../package.json')], 'is no workload profile'],
    [['--profile-file', 'p.json', '--trace', 't.csv'], 'cannot be used with'],
    [['--lease', '0'], 'give a whole number from 1 to 3600'],
    [['--busy', '-1'], 'give a whole number from 0 to 100'],
    [['--trace', __filename], 'expected the header'],
  ])(
    '%j is refused',
    async (args, message) => {
      const { code, errors } = await run('samples/demo/main.js', [...args, '--data', data()]);
      expect(code).toBe(1);
      expect(errors).toContain(message);
    },
    60_000,
  );
});

/** True when nobody answers any more. */
const gone = (url: string): Promise<boolean> =>
  fetch(`${url}/health/live`).then(
    () => false,
    () => true,
  );

/**
 * The host over this folder, and agents and servers of this test's own programs; none where the system does not tell.
 */
function childrenOf(folder: string): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  const programs = ['samples/demo/agents.js', 'test/servers/main.js'].map((program) =>
    path.join(compiledAll(), 'dist', program),
  );
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return (
        readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`FORMICARY_DATA=${folder}\0`) ||
        programs.some((program) => command.includes(program))
      );
    } catch {
      return false;
    }
  });
}
