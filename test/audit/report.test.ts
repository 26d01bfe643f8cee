/** What receipts say in an audit, what a period comes to, and that no text of a table is a formula. */
import fc from 'fast-check';
import { Ed25519LogSigner } from '../../adapters/receipts/signer';
import { cellText } from '../../cli/audit/csv';
import { type AuditEntry, AuditTrail } from '../../domain/audit/audit-entry';
import { commitEntry } from '../../domain/audit/log-entries';
import { ReportCounter } from '../../domain/audit/report-figures';
import { type EntryLine, type ProofHead, REPORT_FORMAT, ReportVerifier } from '../../domain/audit/report-verifier';
import { canonicalize, type Commit, type CommitMeta, seal, sha256 } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { inclusionPath, leafHash, rootBetween, rootFromPath, rootOf } from '../../domain/kernel/merkle';
import { checkpointText, noteOf, parseVerifierKeys, type VerifierKeys } from '../../domain/kernel/note';
import { META, range } from '../support/commits';

/** A receipt with these events, at a minute of the hour. */
function receipt(
  stream: string,
  index: number,
  minute: number,
  events: readonly (readonly [type: string, data: unknown])[],
  meta: Partial<CommitMeta> = {},
): Commit {
  return seal({
    ...{ stream, index, previousHash: null, meta: { ...META, ...meta } },
    at: `2026-11-21T10:${String(minute).padStart(2, '0')}:00.000Z`,
    events: events.map(([type, data]): Event => ({ type, v: 1, data })),
  }).commit;
}

const TASK = 't/task/a';
const BUDGET = 't/budget/all';
const system = { actor: { id: 'market', kind: 'system' } } as const;

function entriesOf(commits: readonly Commit[]): AuditEntry[] {
  const trail = new AuditTrail();
  return commits.map((commit) => trail.next(commit));
}

describe('an entry', () => {
  const work: Commit[] = [
    receipt(TASK, 0, 0, [['TaskPosted', { spec: { payload: { b: 1, a: 2 } } }]], {
      actor: { id: 'human:ada', kind: 'human' },
      policy: { ...META.policy, entrypoint: 'assignment/allow', facts: { now: 1, level: 'read_write', groups: ['g'] } },
    }),
    receipt(TASK, 1, 1, [['TaskAwarded', { agent: 'x', award: 1 }]], system),
    receipt(TASK, 2, 2, [['TaskAccepted', { agent: 'x', award: 1 }]]),
    receipt(TASK, 3, 5, [
      ['AttemptEnded', { agent: 'x', award: 1, attempt: 1, end: 'failed', reason: 'no\u001bpaper' }],
      ['TaskReopened', { attempt: 2 }],
    ]),
    receipt(TASK, 4, 6, [['TaskAccepted', { agent: 'y', award: 2 }]]),
    receipt(TASK, 5, 9, [['TaskCompleted', { agent: 'y', award: 2, result: 'done' }]]),
  ];

  test('names the agent, the user, and what they might do', () => {
    const [posted, awarded, accepted] = entriesOf(work) as [AuditEntry, AuditEntry, AuditEntry];
    expect(posted).toMatchObject({
      ...{ agent_id: null, user: 'human:ada', actor_kind: 'human', resource: 'task/a', status: 'success' },
      permissions: { level: 'read_write', groups: ['g'] },
      policy: { decision: 'allow', rule: 'assignment/allow' },
    });
    expect(awarded).toMatchObject({ agent_id: 'x', user: null, actor_kind: 'system', permissions: null });
    expect(accepted).toMatchObject({ agent_id: 'agent-1', user: null, status: 'started' });
    const [spoken] = entriesOf([
      receipt(TASK, 0, 0, [['TaskPosted', { spec: {} }]], { actor: { id: 'x', kind: 'agent', via: 'service:gate' } }),
    ]);
    expect(spoken).toMatchObject({ agent_id: 'x', user: 'service:gate' });
  });

  test('of what ends says how long it took, what it was given and what came of it', () => {
    const given = canonicalize({ a: 2, b: 1 });
    const input = { sha256: sha256(given), bytes: given.length };
    const [, , , failed, , completed] = entriesOf(work);
    expect(failed).toMatchObject({
      ...{ status: 'failed', error: 'no\\u001bpaper', duration_ms: 180_000, input, output: null },
    });
    expect(completed).toMatchObject({
      ...{
        status: 'success',
        error: null,
        duration_ms: 180_000,
        input,
        output: { sha256: sha256('"done"'), bytes: 6 },
      },
    });
  });

  test('of a command has the hash that came with it, and what was written', () => {
    const events = [['TaskPosted', { spec: {} }]] as const;
    const [entry] = entriesOf([receipt(TASK, 0, 0, events, { commandId: 'k', commandHash: 'c'.repeat(64) })]);
    const written = canonicalize([{ type: 'TaskPosted', v: 1, data: { spec: {} } }]);
    expect(entry).toMatchObject({
      input: { sha256: 'c'.repeat(64) },
      output: { sha256: sha256(written), bytes: written.length },
      duration_ms: null,
    });
  });

  test('of a payload that is kept outside has its hash', () => {
    const payload_ref = `sha256:${'d'.repeat(64)}`;
    const commits = [
      receipt(TASK, 0, 0, [['TaskPosted', { spec: { payload_ref } }]]),
      receipt(TASK, 1, 1, [['TaskAccepted', { agent: 'x', award: 1 }]]),
      receipt(TASK, 2, 2, [['TaskCompleted', { agent: 'x', award: 1, result_ref: payload_ref }]]),
    ];
    expect(entriesOf(commits)[2]).toMatchObject({
      input: { sha256: 'd'.repeat(64) },
      output: { sha256: 'd'.repeat(64) },
    });
  });

  test('of a denial says why', () => {
    const denied = { action: 'task.post', resource: 'b', principal: 'x', reasons: ['first', 'second'], leftOut: 2 };
    const [entry] = entriesOf([receipt('t/denial/h', 0, 0, [['CommandDenied', denied]])]);
    expect(entry).toMatchObject({ status: 'denied', error: 'first; second' });
  });
});

describe('the figures', () => {
  const FROM = '2026-11-21T10:10:00.000Z';
  const TO = '2026-11-21T10:50:00.000Z';

  function figuresOf(commits: readonly Commit[], from = FROM, to = TO) {
    const counter = new ReportCounter(from, to);
    const trail = new AuditTrail();
    for (const commit of commits) {
      const entry = trail.next(commit);
      if (commit.at < from) counter.before(commit);
      else counter.add(entry, commit);
    }
    return counter.figures;
  }

  test('count what was settled for the budgets that it was reserved in, also before the period', () => {
    const set = { kind: 'pool', name: 'p', limit: 100, period: 'total', by: 'human:ada', reason: 'trial' };
    const award = { task: 'a', award: 1, agent: 'x' };
    const sub = { task: 'b', award: 1, agent: 'y' };
    const reserved = { estimate: 10, amount: 12, expires: FROM, reserved_at: FROM };
    const settled = { reservation: 'r', outcome: 'completed', settled_at: FROM };
    const {
      spentByBudget,
      spentByAgent,
      settled: sum,
      budgets,
      budgetsSet,
    } = figuresOf([
      receipt(BUDGET, 0, 1, [['BudgetSet', set]]),
      receipt(BUDGET, 1, 2, [['BudgetReserved', { ...award, ...reserved, charges: ['pool p'] }]]),
      receipt(BUDGET, 2, 3, [['BudgetReserved', { ...sub, ...reserved, charges: [], part_of: 'a 1 x' }]]),
      receipt(BUDGET, 3, 12, [['BudgetSettled', { ...sub, ...settled, cost: 3 }]]),
      receipt(BUDGET, 4, 13, [['BudgetSettled', { ...award, ...settled, cost: 5 }]]),
      receipt(BUDGET, 5, 14, [['BudgetSet', { ...set, name: 'q', limit: 7 }]]),
    ]);
    expect({ spentByBudget, spentByAgent, sum }).toEqual({
      spentByBudget: [['pool p', 8]],
      spentByAgent: [
        ['x', 5],
        ['y', 3],
      ],
      sum: 8,
    });
    expect(budgets.map(({ name, limit }) => [name, limit])).toEqual([
      ['p', 100],
      ['q', 7],
    ]);
    expect(budgetsSet).toMatchObject({ rows: [{ what: 'pool q', who: 'human:ada', reason: 'trial' }], more: 0 });
  });

  test('list no more than fits a page, and say how many more there are', () => {
    const profile = { agent_type: 'a.b', pool: 'p' };
    const commits = range(250).map((n) => receipt(`t/agent/a${n}`, 0, 20, [['AgentRegistered', { profile }]]));
    const { agents, agentEvents } = figuresOf(commits);
    expect([agents.rows.length, agents.more, agentEvents]).toEqual([200, 50, [['registered', 250]]]);
    expect(agents.rows[0]).toMatchObject({ what: 'a0 registered', reason: 'type a.b, pool p' });
  });

  test('stand by the hour, the day, the month or the year, without gaps', () => {
    const labels = (from: string, to: string) => figuresOf([], from, to).columns.map(({ label }) => label);
    expect(labels('2026-11-21T22:30:00.000Z', '2026-11-22T01:00:00.000Z')).toEqual([
      '2026-11-21T22',
      '2026-11-21T23',
      '2026-11-22T00',
    ]);
    expect(labels('2026-02-26T22:30:00.000Z', '2026-03-02T00:00:00.000Z').concat(['…'])).toEqual([
      ...['2026-02-26', '2026-02-27', '2026-02-28', '2026-03-01'],
      '…',
    ]);
    const months = labels('2026-01-31T12:00:00.000Z', '2027-02-01T00:00:00.000Z');
    expect([months.length, months[1], months.at(-1)]).toEqual([13, '2026-02', '2027-01']);
    expect(labels('2020-06-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')).toHaveLength(6);
    const always = ['1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'] as const;
    expect(labels(...always)).toEqual([]);
    const once = figuresOf([receipt('t/task/a', 0, 20, [])], ...always);
    expect(once.columns.map(({ label }) => label)).toEqual(['2026']);
    const denied = { action: 'a', resource: 'r', principal: 'x', reasons: ['no'], leftOut: 4 };
    const { columns, deniedTo, deniedFor } = figuresOf([
      receipt('t/denial/h', 0, 20, [['CommandDenied', denied]], { policy: { ...META.policy, decision: 'deny' } }),
    ]);
    expect(columns).toEqual([{ label: '2026-11-21T10', decisions: { allow: 0, deny: 1, needs_approval: 0 } }]);
    expect([deniedTo, deniedFor]).toEqual([[['x', 5]], [['no', 1]]]);
  });
});

describe('a cell', () => {
  /** As a program reads it that parts cells by another character, and takes quotes and spaces away. */
  const asRead = (text: string) =>
    text.split(/[,;|\t\n]/).map((part) => part.replace(/^[\s"'`]*/, (taken) => (taken.includes("'") ? "'" : '')));

  test.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['＝1', "'＝1"],
    ['\t=1', '\\u0009=1'],
    ['a\r\n=1', 'a\\u000d\\n=1'],
    [' "=1', '\' "=1'],
    ['a;=1', "a;'=1"],
    ['a - b = c', 'a - b = c'],
    ['abc\u202Ecba', 'abc\\u202ecba'],
  ])('%j is %j', (text, expected) => expect(cellText(text)).toBe(expected));

  test('never begins with what is computed, wherever it begins', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'=+-@＝ \t\r\n"\';,|a1') }), (text) =>
        asRead(cellText(text)).every((part) => !/^[=+\-@＝＋－＠]/.test(part)),
      ),
    );
  });
});

test('the path of a leaf leads to the root of its tree, of whatever size', async () => {
  for (const size of [1, 2, 3, 7, 8, 13, 300]) {
    const leaves = range(size).map((n) => leafHash(String(n)));
    const perfect = async (level: number, n: number) => rootOf(leaves.slice(n * 2 ** level, (n + 1) * 2 ** level));
    const root = rootOf(leaves);
    expect((await rootBetween(0, size, perfect)).equals(root)).toBe(true);
    for (const index of new Set([0, 1, size >> 1, size - 1].filter((n) => n < size))) {
      const path = await inclusionPath(index, size, perfect);
      expect(rootFromPath(leaves[index]!, index, size, path)?.equals(root)).toBe(true);
    }
  }
});

test('an entry without a proof is none where the log holds what is five minutes newer; one that is newer may be', () => {
  const signer = new Ed25519LogSigner(Buffer.alloc(32, 9).toString('base64'));
  const origin = 'example.org/log/t';
  const logged = receipt('t/task/b', 0, 20, [['TaskAccepted', { agent: 'x', award: 1 }]]);
  const leaf = leafHash(commitEntry(logged));
  const text = checkpointText({ origin, size: 1, root: leaf });
  const note = noteOf(text, signer.sign(origin, text));
  const key = parseVerifierKeys(signer.verifierKeys(origin)[0]!) as VerifierKeys;
  const others = [receipt('t/task/a', 0, 10, []), receipt('t/task/c', 0, 30, [])];
  const [early, proven, newer] = entriesOf([others[0]!, logged, others[1]!]).map((entry, i) => ({
    ...entry,
    proof: i === 1 ? { leaf: 0, path: [] } : null,
  })) as [EntryLine, EntryLine, EntryLine];
  const kinds = (checkpoint: ProofHead | null, ...lines: EntryLine[]) => {
    const period = { from: '2026-11-21T00:00:00.000Z', to: '2026-11-22T00:00:00.000Z' };
    const head = { format: REPORT_FORMAT, tenant: 't', ...period, receipts: lines.length, checkpoint };
    const verifier = new ReportVerifier(head, key);
    return [...lines.flatMap((line) => verifier.next(line)), ...verifier.finish(lines.length)].map(({ kind }) => kind);
  };
  const head = { origin, size: 1, note };
  expect(kinds(head, proven, newer)).toEqual([]);
  expect(kinds(head, early, proven, newer)).toEqual(['inserted']);
  expect(kinds(head, { ...early, timestamp: '2026-11-21T10:16:00.000Z' }, proven)).toEqual([]);
  expect(kinds(head, early, newer)).toEqual(['unproven']);
  expect(kinds(null, early, proven, newer)).toEqual(['unproven']);
  expect(kinds(null)).toEqual([]);
});

test('an entry without the bytes of its receipt is counted: nothing binds what it says to what is proven', () => {
  const signer = new Ed25519LogSigner(Buffer.alloc(32, 9).toString('base64'));
  const origin = 'example.org/log/t';
  const logged = receipt('t/task/b', 0, 20, [['TaskAccepted', { agent: 'x', award: 1 }]]);
  const text = checkpointText({ origin, size: 1, root: leafHash(commitEntry(logged)) });
  const note = noteOf(text, signer.sign(origin, text));
  const [entry] = entriesOf([logged]) as [AuditEntry];
  const { hash: _, ...unsealed } = logged;
  const changed: EntryLine = { ...entry, user: 'human:mallory', proof: { leaf: 0, path: [] } };
  const found = (line: EntryLine) => {
    const period = { from: '2026-11-21T00:00:00.000Z', to: '2026-11-22T00:00:00.000Z' };
    const head = { format: REPORT_FORMAT, tenant: 't', ...period, receipts: 1, checkpoint: { origin, size: 1, note } };
    const verifier = new ReportVerifier(head, parseVerifierKeys(signer.verifierKeys(origin)[0]!) as VerifierKeys);
    const kinds = [...verifier.next(line), ...verifier.finish(1)].map(({ kind }) => kind);
    return { kinds, bare: verifier.bare };
  };
  expect(found(changed)).toEqual({ kinds: [], bare: 1 });
  expect(found({ ...changed, body: canonicalize(unsealed) })).toEqual({ kinds: ['altered'], bare: 0 });
});

test('a report in which some entries come with the bytes of their receipts, and others do not, was changed', () => {
  const signer = new Ed25519LogSigner(Buffer.alloc(32, 9).toString('base64'));
  const key = parseVerifierKeys(signer.verifierKeys('example.org/log/t')[0]!) as VerifierKeys;
  const receipts = [receipt('t/task/a', 0, 10, []), receipt('t/task/b', 0, 20, [])];
  const bodied: EntryLine[] = entriesOf(receipts).map((entry, i) => {
    const { hash: _, ...unsealed } = receipts[i]!;
    return { ...entry, proof: null, body: canonicalize(unsealed) };
  });
  const bare = bodied.map(({ body: _, ...entry }) => entry);
  const kinds = (...lines: EntryLine[]) => {
    const period = { from: '2026-11-21T00:00:00.000Z', to: '2026-11-22T00:00:00.000Z' };
    const head = { format: REPORT_FORMAT, tenant: 't', ...period, receipts: lines.length, checkpoint: null };
    const verifier = new ReportVerifier(head, key);
    return [...lines.flatMap((line) => verifier.next(line)), ...verifier.finish(lines.length)].map(({ kind }) => kind);
  };
  expect(kinds(...bodied)).toEqual(['unproven']);
  expect(kinds(...bare)).toEqual(['unproven']);
  expect(kinds(bodied[0]!, bare[1]!)).toEqual(['unproven', 'altered']);
  expect(kinds(bare[0]!, bodied[1]!)).toEqual(['unproven', 'altered']);
});
