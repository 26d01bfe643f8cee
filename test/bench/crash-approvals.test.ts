/** What the crash test of decisions finds, on logs made by hand, and a short run of it. */
import { type DecisionFindings, DecisionWatch } from '../../bench/crash-approvals';
import type { Commit } from '../../domain/kernel/commit';
import { run } from './compiled';

const ACTION = 'default/action/a';
const APPROVAL = 'default/approval/p';
const ROUND = 'default/round/r';

/** Seconds since the beginning → a time. */
const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();

/** What is looked at of a commit. */
type Entry = readonly [seconds: number, stream: string, type: string, data?: object];

function findings(...log: readonly Entry[]): DecisionFindings {
  const watch = new DecisionWatch();
  log.forEach(([seconds, stream, type, data = {}], index) =>
    watch.see({ stream, index, at: at(seconds), events: [{ type, v: 1, data }] } as unknown as Commit),
  );
  return watch.findings();
}

const proposed: Entry = [0, ACTION, 'ActionProposed'];
const requested: Entry = [0, APPROVAL, 'ApprovalRequested', { ends: [at(5), at(10)] }];
const given: Entry = [3, APPROVAL, 'ApprovalGiven'];
const approved: Entry = [3, APPROVAL, 'ApprovalClosed', { outcome: 'approved', hash: 'x' }];
const cleared: Entry = [4, ACTION, 'ActionCleared', { by: 'approval', ref: `${APPROVAL}@0`, hash: 'x' }];
const executed: Entry = [5, ACTION, 'ActionExecuted', { hash: 'x' }];
const opened: Entry = [0, ROUND, 'RoundOpened', { spec: { deadline: at(10) } }];
const agreed: Entry = [4, ROUND, 'RoundClosed', { outcome: 'agreed', choice: 'approve', early: true }];

const CLEAN = { doubleDecisions: [], doubleExecutions: [], outOfTime: [], unfinished: [] };

describe('decisions in the log', () => {
  test('all is well', () => {
    expect(findings(proposed, requested, given, approved, cleared, executed)).toEqual({
      ...CLEAN,
      actions: 1,
      executed: 1,
      defaulted: 0,
    });
    expect(findings(opened, [3, ROUND, 'VoteCast'], agreed)).toMatchObject(CLEAN);
  });

  test('the safe default is counted', () => {
    expect(findings(requested, [10, APPROVAL, 'ApprovalClosed', { outcome: 'defaulted' }])).toMatchObject({
      ...CLEAN,
      defaulted: 1,
    });
  });

  test.each<[string, keyof DecisionFindings, readonly Entry[]]>([
    [
      'closed twice',
      'doubleDecisions',
      [requested, given, approved, [4, APPROVAL, 'ApprovalClosed', { outcome: 'rejected', hash: 'x' }]],
    ],
    ['given after the end', 'doubleDecisions', [requested, given, approved, [4, APPROVAL, 'ApprovalGiven']]],
    ['a round closed twice', 'doubleDecisions', [opened, agreed, agreed]],
    ['a vote after the end', 'doubleDecisions', [opened, agreed, [5, ROUND, 'VoteCast']]],
    ['cleared twice', 'doubleDecisions', [proposed, requested, given, approved, cleared, cleared, executed]],
    [
      'refused after it was cleared',
      'doubleDecisions',
      [proposed, requested, given, approved, cleared, [5, ACTION, 'ActionRefused']],
    ],
    [
      'vetoed after it was taken',
      'doubleDecisions',
      [proposed, requested, given, approved, cleared, executed, [6, ACTION, 'ActionVetoed']],
    ],
    ['taken twice', 'doubleExecutions', [proposed, requested, given, approved, cleared, executed, executed]],
    ['taken without a clearance', 'doubleExecutions', [proposed, executed]],
    [
      'taken with another hash',
      'doubleExecutions',
      [proposed, requested, given, approved, cleared, [5, ACTION, 'ActionExecuted', { hash: 'y' }]],
    ],
    [
      'taken after it came back',
      'doubleExecutions',
      [proposed, requested, given, approved, cleared, [5, ACTION, 'ActionReturned'], executed],
    ],
    [
      'cleared by an approval that was not given',
      'doubleExecutions',
      [proposed, requested, cleared, executed, given, approved],
    ],
    [
      'cleared by a round without an outcome',
      'doubleExecutions',
      [opened, proposed, [4, ACTION, 'ActionCleared', { by: 'round', ref: `${ROUND}@0`, hash: 'x' }], executed, agreed],
    ],
    [
      'given after the deadline',
      'outOfTime',
      [
        requested,
        [12, APPROVAL, 'ApprovalGiven'],
        [12, APPROVAL, 'ApprovalClosed', { outcome: 'approved', hash: 'x' }],
      ],
    ],
    [
      'defaulted before the deadline',
      'outOfTime',
      [requested, [9, APPROVAL, 'ApprovalClosed', { outcome: 'defaulted' }]],
    ],
    [
      'a round closed by the clock before its deadline',
      'outOfTime',
      [opened, [9, ROUND, 'RoundClosed', { outcome: 'no_quorum', early: false }]],
    ],
    ['an approval that waits', 'unfinished', [requested]],
    ['a round that is open', 'unfinished', [opened]],
    ['an action that nobody took', 'unfinished', [proposed, requested, given, approved, cleared]],
  ])('%s is found', (_, finding, log) => {
    const found = findings(...log);
    expect({ ...found, [finding]: (found[finding] as readonly string[]).length }).toMatchObject({
      ...CLEAN,
      [finding]: 1,
    });
  });

  test('what is opened again is decided again', () => {
    const again: Entry = [6, APPROVAL, 'ApprovalReopened', { ends: [at(20)] }];
    expect(
      findings(
        requested,
        given,
        approved,
        again,
        [15, APPROVAL, 'ApprovalGiven'],
        [15, APPROVAL, 'ApprovalClosed', { outcome: 'approved', hash: 'y' }],
      ),
    ).toMatchObject(CLEAN);
  });
});

test('three kills while decisions are under way change nothing about them', async () => {
  const { code, json, errors, output } = await run('bench/crash.js', [
    '--scenario',
    'approvals',
    '--kills',
    '3',
    '--seed',
    '1',
    '--json',
  ]);
  expect({ code, errors: code === 0 ? '' : output + errors }).toEqual({ code: 0, errors: '' });
  expect(json).toMatchObject({
    kills: 3,
    lost: 0,
    doneTwice: 0,
    doubleDecisions: 0,
    doubleExecutions: 0,
    outOfTime: 0,
    unfinished: 0,
    verified: true,
  });
  expect(json.acknowledged).toBeGreaterThan(20);
  expect(Math.min(json.executed, json.defaulted)).toBeGreaterThan(0);
}, 120_000);
