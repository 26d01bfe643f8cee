/** Decisions on the command line, against a real host: rounds, approvals, the gate, and the proof of each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary, type OversightRules } from '../../client/client';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { formicary, type Run } from './support';

let host: TestHost;
let client: Formicary;
let ada: Formicary;
let folder: string;

/** Whatever is known of a kind is familiar; what is large goes to people. */
const RULES: OversightRules = {
  ...DEFAULT_RULES,
  mode: 'full_automation',
  thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-cli-'));
  host = await startTestHost();
  client = new Formicary({ url: host.url, principal: 'service:erp' });
  ada = client.as('human:ada');
  await ada.oversight.set('erp.order', RULES);
}, 60_000);
afterAll(async () => {
  client.close();
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function settled(): Promise<void> {
  await eventually(async () => (await client.status()).feed.every(({ lag }) => (lag ?? 0) === 0));
}

/** Runs a command against the host, once everything before it is in the lists. */
async function run(args: readonly string[], principal = 'human:ada'): Promise<Run> {
  await settled();
  return await formicary([...args, '--url', host.url, '--principal', principal]);
}

/** Brings an action to the gate, and gives what waits for people because of it. */
async function waiting(id: string, changes: object = {}): Promise<{ id: string; hash: string }> {
  await client.actions.propose({
    id,
    kind: 'erp.order',
    action: { item: 'bolts', amount: 40 },
    why: `stock is low (${id})`,
    confidence: 0.9,
    impact: 'high',
    ...changes,
  });
  await eventually(async () =>
    (await client.approvals.list({ status: 'waiting' })).value.some(({ action }) => action === `default/action/${id}`),
  );
  return (await client.approvals.list({ status: 'waiting' })).value.find(
    ({ action }) => action === `default/action/${id}`,
  )!;
}

/** What differs from run to run, replaced by what it is. */
function masked(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'ID')
    .replaceAll(/\b[0-9a-f]{12}\b/g, 'HASH')
    .replaceAll(/ +$/gm, '');
}

describe('rounds', () => {
  beforeAll(async () => {
    await run([
      'poll',
      'Move the backup to the night?',
      '--id',
      'night',
      '--voter',
      'ada-1=3',
      '--voter',
      'bo-2=1',
      '--algorithm',
      'weighted_voting',
    ]);
    await run([
      'poll',
      'Which supplier?',
      '--id',
      'supplier',
      '--choice',
      'north',
      '--choice',
      'south',
      '--voter',
      'ada-1',
      '--voter',
      'bo-2',
      '--passes',
      '2',
      '--seconds',
      '600',
    ]);
  });

  test('are listed and shown', async () => {
    expect((await run(['rounds', '--status', 'open', '--json'])).json).toMatchObject([
      { id: 'night' },
      { id: 'supplier', kind: 'question' },
    ]);
    expect((await run(['rounds', '--voter', 'nobody'])).stdout).not.toContain('night');
    const { stdout } = await run(['rounds', 'supplier']);
    expect(masked(stdout)).toMatch(
      /^Round supplier is open: question, impact medium\n\nquestion {2}Which supplier\?\nchoices {3}north, south\ndeadline {2}TIME \(in .*\), pass 1\nvoters {4}ada-1, bo-2 \(simple_majority\)\n/,
    );
  });

  test('votes close it; counted again, on the host and without it, it comes to the same', async () => {
    expect(
      masked((await run(['vote', 'night', 'reject', '--reason', 'the restore test runs then'], 'bo-2')).stdout),
    ).toBe('Voted for reject; the round is open  default/round/night@1  HASH\n');
    expect(
      (await run(['vote', 'night', 'approve', '--reason', 'the nights are quiet', '--confidence', '0.9'], 'ada-1'))
        .stdout,
    ).toMatch(/^Voted for approve; the round is closed: approve /);
    const { code, stdout } = await run(['tally', 'night']);
    expect(code).toBe(0);
    expect(stdout).toBe(NIGHT);

    await settled();
    const file = join(folder, 'receipts.ndjson.gz');
    await formicary(['export', file, '--url', host.url]);
    const { json } = await run(['tally', 'night', '--json']);
    expect(json).toMatchObject({
      agrees: true,
      faults: [],
      recomputed: { score: 0.75 },
      matrix: {
        voters: ['ada-1', 'bo-2'],
        agreement: [
          [1, 0],
          [0, 1],
        ],
      },
    });
    expect((await formicary(['tally', 'night', '--data', host.data, '--json'])).json).toEqual(json);
    expect((await formicary(['tally', 'night', '--file', file, '--json'])).json).toEqual(json);
  });

  test('a vote that was changed is found, and named', async () => {
    const { stdout } = await formicary(['export', '--data', host.data]);
    const file = join(folder, 'forged.ndjson');
    // Whoever forges can hash as well: the chain, and the count, tell.
    const lines = stdout.split('\n').map((line) => {
      if (!line.includes('the restore test runs then')) return line;
      const entry = JSON.parse(line) as { body: string };
      const body = JSON.parse(entry.body) as { events: { data: { choice: string } }[] };
      body.events[0]!.data.choice = 'approve';
      const forged = canonicalize(body);
      return JSON.stringify({ ...entry, body: forged, hash: sha256(forged) });
    });
    writeFileSync(file, lines.join('\n'));
    const forged = await formicary(['tally', 'night', '--file', file]);
    expect(forged.code).toBe(1);
    expect(forged.stdout).toMatch(/^score {4}recorded 75 %, computed 100 %$/m);
    expect(forged.stdout).toContain('what was recorded of the count is not what follows from the votes');
    expect(forged.stdout).toMatch(/The outcome does NOT agree with its receipts\.\n$/);
  });

  test('agents that do not agree vote again, knowing the dissent; then people decide', async () => {
    for (const pass of [1, 2]) {
      await run(['vote', 'supplier', 'north', '--reason', `nearer (${pass})`], 'ada-1');
      await run(['vote', 'supplier', 'south', '--reason', `cheaper (${pass})`], 'bo-2');
      if (pass === 1)
        expect((await run(['rounds', 'supplier'])).stdout).toMatch(
          /^dissent {3}bo-2 in the pass before: south: cheaper \(1\)$/m,
        );
    }
    expect((await run(['rounds', '--escalated'])).stdout).toMatch(
      /^supplier +closed +question +2\/2 +tie, with people +50 % +– +Which supplier\?$/m,
    );
    expect(
      (await run(['override', 'round', 'supplier', 'north', '--reason', 'the border is closed'], 'human:bea')).stdout,
    ).toMatch(/^supplier is decided: north /);
    expect((await run(['tally', 'supplier'])).stdout).toMatch(
      /^override north, by human:bea: the border is closed\nThe outcome agrees with its receipts\.$/m,
    );
  });

  test.each<[string, string[], number, RegExp]>([
    ['a round without voters', ['poll', 'Well?'], 2, /say who votes/],
    ['a weight that is none', ['poll', 'Well?', '--voter', 'ada-1=much'], 2, /the weight must be a number/],
    ['a vote without a reason', ['vote', 'night', 'approve'], 2, /required option '-r, --reason/],
    [
      'a vote of somebody who was not asked',
      ['vote', 'night', 'approve', '--reason', 'me too'],
      1,
      /only those whom the round asked may vote/,
    ],
    ['a tally of nothing', ['tally', 'nothing-of-the-kind'], 1, /nothing-of-the-kind/],
    ['two sources', ['tally', 'night', '--data', '--file', 'x'], 2, /give --data or --file, not both/],
    [
      'an override that is no choice',
      ['override', 'round', 'night', 'perhaps', '--reason', 'x'],
      1,
      /choice must be one of approve, reject/,
    ],
  ])('%s is refused', async (_, args, expected, message) => {
    const { code, stderr } = await run(args, 'human:bea');
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });

  test('a round that is open can not be counted again', async () => {
    await run(['poll', 'And now?', '--id', 'still-open', '--voter', 'ada-1']);
    expect(await run(['tally', 'still-open'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not the receipts of a closed round'),
    });
    expect(await formicary(['tally', 'nothing', '--data', host.data])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no round nothing'),
    });
  });
});

describe('approvals', () => {
  test('the queue: severe things first', async () => {
    const [medium, critical] = [
      await waiting('q-medium', { impact: 'medium' }),
      await waiting('q-critical', { impact: 'critical' }),
    ];
    const { stdout } = await run(['approvals', '--kind', 'erp.order']);
    const rows = stdout.trim().split('\n').slice(1);
    expect(
      rows.map((row) =>
        masked(row)
          .replace(/in [\d.]+ (s|min|h)/, 'LEFT')
          .split(/ {2,}/),
      ),
    ).toEqual([
      ['ID', 'critical', 'erp.order', 'service:erp', 'approvers', 'LEFT', 'stock is low (q-critical)'],
      ['ID', 'medium', 'erp.order', 'service:erp', 'approvers', 'LEFT', 'stock is low (q-medium)'],
    ]);
    for (const { id } of [medium, critical]) await run(['reject', id, '--reason', 'enough for now']);
    expect((await run(['approvals', '--status', 'closed', '--outcome', 'rejected', '--json'])).json).toHaveLength(2);
  });

  test('one shows what a person needs, and nothing that agents could paint on the screen', async () => {
    const { id } = await waiting('shown', {
      why: 'stock is low\u001b[2J\u202e\napproved  by human:boss: just do it',
      risk: 0.5,
    });
    await run(['ask-back', id, 'Which budget?']);
    const { stdout } = await run(['approval', id]);
    expect(stdout).not.toMatch(/[\u001b\u202e]|^approved/m);
    expect(masked(stdout)).toMatch(
      /^Approval ID is waiting: erp\.order, high \(impact high, risk 0\.5\)\n\nfor {7}service:erp: stock is low\\u001b\[2J\\u202e\n/,
    );
    expect(stdout).toMatch(/^question {2}1, human:ada: Which budget\?\n +not answered yet$/m);
    expect(stdout).toMatch(/^ {2}"amount": 40/m);
    expect(stdout).toMatch(new RegExp(`formicary --url \\S+ .*approve ${id} --hash [0-9a-f]{12} --reason`));
    expect(stdout).toMatch(new RegExp(`formicary --url \\S+ .*ask-back ${id} QUESTION$`, 'm'));
    expect((await run(['approval', id, '--json'])).json).toMatchObject({
      id,
      status: 'waiting',
      action_now: { amount: 40 },
    });
  });

  test('approved as corrected, once', async () => {
    const { id, hash } = await waiting('edited');
    expect(await run(['approve', id, '--reason', 'x', '--hash', 'ffffffffffff'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not what you looked at any more'),
    });
    expect(await run(['approve', id, '--reason', 'x', '--edit', '{oops'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--edit is not JSON'),
    });
    expect(await run(['approve', id, '--reason', 'mine'], 'service:erp')).toMatchObject({ code: 1 });
    const change = join(folder, 'change.json');
    writeFileSync(change, '{"amount":10,"note":"half"}');
    const { code, stdout } = await run([
      'approve',
      id,
      '--reason',
      'half is enough',
      '--hash',
      hash.slice(0, 12),
      '--edit',
      `@${change}`,
    ]);
    expect({ code, stdout: masked(stdout) }).toEqual({
      code: 0,
      stdout: 'ID is approved  default/approval/ID@1  HASH\n  /amount: 40 → 10\n  /note: – → half\n',
    });
    expect(await run(['approve', id, '--reason', 'again'], 'human:grace')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this approval is approved already'),
    });
    expect((await run(['actions', 'edited', '--json'])).json).toMatchObject({
      status: 'cleared',
      action: { item: 'bolts', amount: 10, note: 'half' },
    });
  });

  test('decided in words it is the one that was shown: the plan holds its hash', async () => {
    const { id, hash } = await waiting('in-words');
    const words = `approve ${id} because it is needed`;
    const { code, stderr } = await run(['ask', words]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`approve ${id} --reason 'it is needed' --hash ${hash.slice(0, 12)} asks first`),
    ]);
    // What whoever has it typed holds on to.
    expect((await run(['ask', '--yes', `approve ${id} hash ffffffffffff because x`])).stderr).toContain(
      'not what you looked at any more',
    );
    expect((await run(['ask', '--dry-run', words])).stdout).not.toContain('--hash');
    expect((await run(['ask', '--yes', words])).stdout).toContain(`${id} is approved `);
  });

  test('a critical one takes two people', async () => {
    const { id } = await waiting('critical', { impact: 'critical' });
    expect((await run(['approve', id, '--reason', 'yes'])).stdout).toMatch(/is waiting, 1 of 2 approvals /);
    expect((await run(['approve', id, '--reason', 'yes'], 'human:grace')).stdout).toMatch(/is approved /);
  });
});

describe('the gate', () => {
  test('vetoed, overridden, challenged', async () => {
    // Something of its kind must have been done, or a person is asked.
    const first = await waiting('known');
    await run(['approve', first.id, '--reason', 'fine']);
    await eventually(async () => (await client.actions.get('known')).status === 'cleared');
    await client.actions.execute('known', { hash: (await client.actions.get('known')).hash });
    await ada.oversight.set('erp.order', { ...RULES, mode: 'human_on_the_loop', veto_seconds: 600 });
    for (const id of ['vetoed', 'allowed'])
      await client.actions.propose({
        id,
        kind: 'erp.order',
        action: { id },
        why: 'stock is low',
        confidence: 0.9,
        impact: 'low',
      });
    expect((await run(['actions', '--status', 'veto_window'])).stdout).toMatch(
      /^vetoed +veto_window +erp\.order +service:erp +low +veto_window +– /m,
    );
    expect(masked((await run(['veto', 'vetoed', '--reason', 'not now'])).stdout)).toBe(
      'vetoed is vetoed  default/action/vetoed@2  HASH\n',
    );
    expect((await run(['override', 'action', 'allowed', 'allow', '--reason', 'I answer for it'])).stdout).toMatch(
      /^allowed is cleared /,
    );
    expect((await run(['override', 'action', 'known', 'refuse', '--reason', 'a mistake'])).stdout).toMatch(
      /^known is executed, and to be undone /,
    );
    expect((await run(['actions', '--compensation', 'due', '--json'])).json).toMatchObject([{ id: 'known' }]);
    expect(await run(['override', 'action', 'allowed', 'perhaps', '--reason', 'x'])).toMatchObject({ code: 1 });

    for (const id of ['judge-1', 'judge-2'])
      await client.as(id).agents.register({ agent_type: 'erp.order', capabilities: { 'erp.order': 1 } });
    const challenged = await run(['challenge', 'default/action/allowed@0', '--reason', 'twice the price'], 'judge-1');
    expect(challenged.stdout).toMatch(/^1 judge until .* in the round /);
    expect((await run(['rounds', '--kind', 'challenge', '--json'])).json).toMatchObject([
      { voter: ['judge-2'], challenges: 'default/action/allowed@0' },
    ]);
  });

  test('rules: shown, set, and refused when they are wrong', async () => {
    expect((await run(['oversight', 'never.seen'])).json).toMatchObject({
      mode: 'human_approval',
      safe_default: 'refuse',
    });
    const file = join(folder, 'rules.json');
    writeFileSync(file, JSON.stringify(RULES));
    expect((await run(['oversight', 'crm.mail', '--set', `@${file}`])).stdout).toMatch(
      /^The rules of crm\.mail are set /,
    );
    expect((await run(['oversight'])).stdout).toMatch(
      /^crm\.mail +full_automation +high +never +approvers, then administrators +refuse$/m,
    );
    expect(await run(['oversight', '--set', '{}'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('name the KIND'),
    });
    expect(
      await run(['oversight', 'crm.mail', '--set', JSON.stringify({ ...RULES, safe_default: 'act' })]),
    ).toMatchObject({ code: 1 });
    expect(await run(['oversight', 'crm.mail', '--set', `@${file}`], 'judge-1')).toMatchObject({ code: 1 });
  });
});

describe('why', () => {
  test('a task that a person let go: from the post to its completion', async () => {
    await ada.oversight.set('why.order', {
      ...RULES,
      round: {
        when: 'always',
        algorithm: 'simple_majority',
        voters: [{ id: 'voter-1', why: 'asked by name' }],
        min_agreement: 0.75,
        quorum: 0.67,
        round_seconds: 600,
        improvement_rounds: 0,
      },
    });
    await client.as('why-1').agents.register({ agent_type: 'why.order', pool: 'why' });
    const posted = await run(
      [
        'post',
        'why.order',
        '--id',
        'why-task',
        '--payload',
        '{"amount":40}',
        '--oversight',
        '{"why":"stock is low","confidence":0.9,"impact":"low"}',
      ],
      'service:erp',
    );
    expect(posted.stdout).toMatch(/^why-task is held /);
    await settled();
    const [round] = (await client.rounds.list({ status: 'open', kind: 'why.order' })).value;
    await run(['vote', round!.id, 'approve', '--reason', 'we need them'], 'voter-1');
    await eventually(
      async () => (await client.approvals.list({ status: 'waiting', kind: 'why.order' })).value.length === 1,
    );
    const [asked] = (await client.approvals.list({ status: 'waiting', kind: 'why.order' })).value;
    await run(['approve', asked!.id, '--reason', 'half is enough', '--edit', '{"payload":{"amount":20}}']);
    await eventually(async () => (await client.tasks.get('why-task')).holder !== undefined);
    const task = client.as('why-1').tasks;
    await task.accept('why-task', { award: 1 });
    await task.complete('why-task', { award: 1 });
    await settled();

    const { stdout } = await run(['why', 'why-task']);
    const raw = stdout.trimEnd().split('\n').slice(2);
    const column = raw[0]!.indexOf('task.post');
    expect(
      masked(raw.map((line) => line.slice(column)).join('\n'))
        .replace(/strength [\d.]+/, 'strength STRENGTH')
        .replace(/score 0[\d.]+/, 'score SCORE')
        .split('\n'),
    ).toEqual(WHY);
    expect((await formicary(['why', 'why-task', '--data', host.data, '--json'])).json).toEqual(
      await client.why('why-task'),
    );
  });
});

const NIGHT = `Round night, question: Move the backup to the night?
weighted_voting, pass 1 of at most 1; quorum 67 %, agreement 75 %

VOTER  WEIGHT  CHOICE   CONFIDENCE  REASONING
ada-1    75 %  approve         0.9  the nights are quiet
bo-2     25 %  reject          0.8  the restore test runs then

counts   approve 75 %, reject 25 %
quorum   100 % of the weight voted: met
score    recorded 75 %, computed 75 %
dissent  bo-2 (reject)
outcome  agreed: approve, before the deadline
The outcome agrees with its receipts.
`;
const WHY = [
  'task.post by service:erp  task/why-task@0  HASH',
  '│ TaskPosted why.order, priority 0.5',
  '└─ action.propose by service:erp  action/system:ID@0  HASH',
  '   │ ActionProposed why.order, impact low: to round because novel',
  '   ├─ round.open by oversight  round/system:ID@0  HASH',
  '   │  │ RoundOpened why.order, 1 voters, simple_majority, until TIME',
  '   │  └─ round.vote by voter-1  round/system:ID@1  HASH',
  '   │     │ VoteCast voter-1 for approve, confidence 0.8: we need them',
  '   │     │ RoundClosed agreed: approve, score 100 %, turnout 100 %',
  '   │     ├─ approval.request by oversight  approval/ID@0  HASH',
  '   │     │  │ ApprovalRequested why.order, low, for service:erp, first from approvers',
  '   │     │  └─ approval.approve by human:ada  approval/ID@1  HASH',
  '   │     │     │ ApprovalGiven by human:ada, edited: half is enough',
  '   │     │     │ ApprovalClosed approved',
  '   │     │     └─ action.edit by oversight  action/system:ID@3  HASH',
  '   │     │        │ ActionEdited by human:ada: /payload/amount 40 → 20',
  '   │     │        └─ action.clear by oversight  action/system:ID@4  HASH',
  '   │     │           │ ActionCleared by approval',
  '   │     │           └─ action.execute by oversight  action/system:ID@5  HASH',
  '   │     │              │ ActionExecuted by oversight',
  '   │     │              └─ task.clear by oversight  task/why-task@1  HASH',
  '   │     │                 │ TaskCleared it may be done, as corrected by human:ada: half is enough',
  '   │     │                 └─ agent.reserve by market  agent/why-1@1  HASH',
  '   │     │                    │ SlotReserved for why-task, award 1',
  '   │     │                    └─ task.award by market  task/why-task@2  HASH',
  '   │     │                       │ BidsClosed 1 candidate, strength STRENGTH',
  '   │     │                       │ TaskAwarded to why-1, award 1, score SCORE',
  '   │     │                       ├─ task.accept by why-1  task/why-task@3  HASH',
  '   │     │                       │    TaskAccepted by why-1, award 1, lease 60 s',
  '   │     │                       └─ task.complete by why-1  task/why-task@4  HASH',
  '   │     │                          │ TaskCompleted by why-1, award 1',
  '   │     │                          └─ agent.release by market  agent/why-1@2  HASH',
  '   │     │                               SlotReleased of why-task, award 1: completed',
  '   │     └─ action.hold by oversight  action/system:ID@2  HASH',
  '   │          ActionHeld for approval',
  '   └─ action.hold by oversight  action/system:ID@1  HASH',
  '        ActionHeld for round',
];
