/**
 * What the API refuses is told alike by the contract, by the page and by the rules: each row of the contract stands on
 * the page, each row of the page in the contract or at the edge, and nothing is refused that has no row.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tasks } from '../../contract/market/tasks';
import type { Refusal, Refusals } from '../../contract/problems';
import { refusalsOf } from '../../contract/route';
import type { Decision } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  accept,
  type Claim,
  complete,
  decline,
  fail,
  handOff,
  MAX_HAND_OFFS,
  type Peer,
  stands,
  taskDecider,
  type TaskEvent,
  type TaskState,
} from '../../domain/market/task';
import { PROBLEMS } from '../../functions/edge/problem';
import { accepted, after, CLAIM, handedOff, HISTORY, NOW, OTHER, to } from '../market/task-life';
import { given } from '../support/given';

const ROOT = join(__dirname, '../..');
const STATUS: Readonly<Record<string, number>> = {
  missing: 404,
  conflict: 409,
  forbidden: 403,
  precondition: 412,
  invalid: 422,
  unavailable: 503,
  broken: 500,
};

const CONTRACT: readonly Refusal[] = globSync('contract/**/problems.ts', { cwd: ROOT }).flatMap((file) =>
  Object.values(jest.requireActual<Record<string, unknown>>(join(ROOT, file)))
    .filter((value): value is Refusals => typeof value === 'object' && value !== null && 'rows' in value)
    .flatMap(({ rows }) => rows),
);
const EDGE = Object.entries(PROBLEMS).map(([slug, { status }]) => `${status} ${slug}`);
const KNOWN = new Set([...CONTRACT.map(([status, type]) => `${status} ${type}`), ...EDGE]);

/** Each row of the page: status, type and what it says. */
const PAGE = readFileSync(join(ROOT, 'docs/problems.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, status, types = '', says = ''] = /^\| (\d{3}) \| (.*?) \| (.*) \|$/.exec(line) ?? [];
    return [...types.matchAll(/`([a-z0-9-]+)`/g)].map(([, type]) => [Number(status), type, says] as const);
  });

/** What the page says of the claim of whoever is answered a type. */
const CLAIMS = new Map(
  readFileSync(join(ROOT, 'docs/problems.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, types = '', claim = ''] = /^\| (.*?) \| (stands|does not stand) \|/.exec(line) ?? [];
      return [...types.matchAll(/`([a-z-]+)`/g)].map(([, type]) => [type, claim] as const);
    }),
);

const SOURCES = globSync('{domain,app}/**/*.ts', { cwd: ROOT }).map((file) => readFileSync(join(ROOT, file), 'utf8'));

/** Functions of a file that make a refusal of one kind with the code that they are given, with that kind. */
function makers(source: string): (readonly [name: string, kind: string])[] {
  const made = /(?:function|const) (\w+)[^;{}]*?\(\s*code: string[^]{0,300}?new Rejection\(\s*'(\w+)',\s*code/g;
  return [['refuse', 'conflict'], ...Array.from(source.matchAll(made), ([, name, kind]) => [name!, kind!] as const)];
}

/** What the rules refuse by a code that is written out. */
function refused(source: string): string[] {
  const direct = Array.from(
    source.matchAll(/new Rejection\(\s*'([a-z]+)',\s*'([a-z0-9-]+)'/g),
    ([, kind, code]) => `${STATUS[kind!]} ${code}`,
  );
  const byMaker = makers(source).flatMap(([name, kind]) =>
    Array.from(
      source.matchAll(new RegExp(`\\b${name}\\(\\s*'([a-z0-9-]+)'`, 'g')),
      ([, code]) => `${STATUS[kind]} ${code}`,
    ),
  );
  return [...direct, ...byMaker];
}

test('every refusal of a rule has a row in the contract', () => {
  const found = SOURCES.flatMap(refused);
  expect(found.length).toBeGreaterThan(150);
  expect([...new Set(found.filter((row) => !KNOWN.has(row)))]).toEqual([]);
});

test('every row of the contract is refused by a rule', () => {
  // Their codes end with a status.
  const parts = /^(action-(refused|vetoed)|task-(cancelled|completed|dead))$/;
  const never = CONTRACT.filter(
    ([, type]) => !parts.test(type) && !SOURCES.some((source) => source.includes(`'${type}'`)),
  );
  expect(never).toEqual([]);
});

test('every row of the contract stands on the page, as it is, and no other', () => {
  const inWords = ([status, type, says]: readonly [number, string | undefined, string]) => `${status} ${type}: ${says}`;
  const rules = PAGE.filter(([status, type]) => !EDGE.includes(`${status} ${type}`));
  expect(rules.map(inWords).sort()).toEqual([...new Set(CONTRACT.map(inWords))].sort());
});

test('every refusal of the edge stands on the page', () => {
  const listed = new Set(PAGE.map(([status, type]) => `${status} ${type}`));
  expect(EDGE.filter((row) => !listed.has(row))).toEqual([]);
});

test('the page says of each 409 to a holder what it means for the claim', () => {
  const { accept, decline, heartbeat, progress, complete, fail, release, handOff } = tasks;
  const answered = [accept, decline, heartbeat, progress, complete, fail, release, handOff].flatMap((route) =>
    refusalsOf(route).flatMap(([status, type]) => (status === 409 ? [type] : [])),
  );
  expect([...CLAIMS.keys()].sort()).toEqual([...new Set(answered)].sort());
});

describe('what the page says of the claim is so', () => {
  const doubt = { round: 'r', by: 'eve', award: 1, reason: 'why', holds: true, until: plusSeconds(NOW, 60) };
  const DOUBTED: readonly TaskEvent[] = [...HISTORY.awarded, { type: 'AwardChallenged', v: 1, data: doubt }];
  const often = Array.from({ length: MAX_HAND_OFFS }, (_, i): TaskEvent[] => [
    handedOff('ann', i + 2),
    accepted({ agent: 'ann', award: i + 2 }),
  ]).flat();
  const LAST = { agent: 'ann', award: MAX_HAND_OFFS + 1 };
  const hand = (peer: Peer, claim = CLAIM) => handOff(claim, peer, undefined, NOW);
  const DONE = complete(CLAIM, {}, NOW);
  const HANDED: readonly TaskEvent[] = [...HISTORY.running, ...often];

  test.each<[string, readonly TaskEvent[], Decision<TaskState, TaskEvent>, Claim?]>([
    ['award-superseded', HISTORY.superseded, DONE],
    ['award-superseded', HISTORY.open, DONE],
    ['not-the-holder', HISTORY.running, complete(OTHER, {}, NOW), OTHER],
    ['task-already-completed', HISTORY.completed, complete(CLAIM, { result: 'another' }, NOW)],
    ['task-completed', HISTORY.completed, fail(CLAIM, 'late', true, NOW)],
    ['task-cancelled', HISTORY.cancelled, DONE],
    ['task-dead', HISTORY.dead, DONE],
    ['task-expired', HISTORY.expired, DONE],
    ['not-accepted', HISTORY.awarded, DONE],
    ['already-accepted', HISTORY.running, decline(CLAIM, 'busy', NOW)],
    ['award-challenged', DOUBTED, accept(CLAIM, NOW)],
    ['hand-off-to-itself', HISTORY.running, hand(to('ann', 2))],
    ['agent-not-active', HISTORY.running, hand({ ...to('bob', 2), profile: undefined })],
    ['requirement-not-met', HISTORY.running, hand(to('bob', 2, { other: 1 }))],
    ['too-many-hand-offs', HANDED, hand(to('bob', LAST.award + 1), LAST), LAST],
  ])('%s', (type, history, decision, claim = CLAIM) => {
    given(taskDecider, history).when(decision).thenRejected(type);
    expect(CLAIMS.get(type)).toBe(stands(after(history), claim, NOW) ? 'stands' : 'does not stand');
  });
});
