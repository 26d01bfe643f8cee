/** Attempts to authenticate that fail: what is looked at, who is told to come later, and who is let in all the same. */
import { InvalidToken, NotEntitled } from '../../app/engine/ports-issuers';
import { Attempts, type Failure, TooManyAttempts } from '../../app/operation/attempts';

const ATTACKER = '198.51.100.1';
const ELSEWHERE = '203.0.113.9';

let now: number;
let failures: Failure[];
let attempts: Attempts;
let examined: number;

beforeEach(() => {
  now = 1_000_000;
  failures = [];
  examined = 0;
  attempts = new Attempts({ now: () => now }, (failure) => failures.push(failure));
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (sub: string, sid?: string) => `${part({ alg: 'EdDSA' })}.${part({ tenant: 'acme', sub, sid })}.AAAA`;

type Answer = 'in' | 'refused' | number;

/** What an attempt comes to: who is let in has shown something of a session. */
async function attempt(address: string, shown: string, valid: boolean, session?: string): Promise<Answer> {
  try {
    await attempts.examine(
      { address, shown },
      async () => {
        examined += 1;
        if (!valid) throw new InvalidToken('was changed');
        return session;
      },
      (found) => found,
    );
    return 'in';
  } catch (error) {
    if (error instanceof InvalidToken) return 'refused';
    if (error instanceof TooManyAttempts) return error.seconds;
    throw error;
  }
}

const wrong = (address: string, shown: string) => attempt(address, shown, false);
const right = (address: string, shown: string, session?: string) => attempt(address, shown, true, session);

/** So many wrong ones, one after the other. */
async function flood(count: number, address = ATTACKER, shown = (i: number) => token(`stranger-${i}`)) {
  const answers: Answer[] = [];
  for (let i = 0; i < count; i += 1) answers.push(await wrong(address, shown(i)));
  return answers;
}

test('a burst from one address is looked at up to its limit, then told when to come again, and that is true', async () => {
  const answers = await flood(1_000);
  expect(examined).toBe(200);
  expect(answers.slice(0, 200)).toEqual(Array(200).fill('refused'));
  const waits = answers.slice(200) as number[];
  for (const wait of waits) expect(wait).toBeGreaterThan(0);
  now += 1_000 * Math.max(...waits);
  expect(await wrong(ATTACKER, token('stranger'))).toBe('refused');
  expect(failures.filter(({ answer }) => answer === 'unexamined')).toHaveLength(800);
  expect(failures.filter(({ answer }) => answer === 'refused')).toHaveLength(201);
});

test('many at once from where some have failed are no way around it, and many at once that are right are let in', async () => {
  const rights = Array.from({ length: 1_000 }, (_, i) => right(ELSEWHERE, token(`recon-${i}`)));
  expect(new Set(await Promise.all(rights))).toEqual(new Set(['in']));
  await wrong(ATTACKER, token('first'));
  examined = 0;
  const answers = await Promise.all(Array.from({ length: 1_000 }, (_, i) => wrong(ATTACKER, token(`stranger-${i}`))));
  expect(answers.filter((answer) => answer === 'refused')).toHaveLength(199);
  expect(examined).toBe(199);
  now += 1_000;
  // Those that succeed give their place back.
  for (let i = 0; i < 1_000; i += 1) expect(await right(ATTACKER, token(`recon-${i}`))).toBe('in');
});

test('nor are many at once in a session that is known; and many of its own are let in', async () => {
  const own = () => right(ATTACKER, token('recon-7', 'mine'), 'mine');
  expect(new Set(await Promise.all(Array.from({ length: 1_000 }, own)))).toEqual(new Set(['in']));
  await wrong(ATTACKER, token('recon-7', 'mine'));
  examined = 0;
  await Promise.all(Array.from({ length: 1_000 }, () => wrong(ATTACKER, token('recon-7', 'mine'))));
  expect(examined).toBe(99);
  now += 1_000;
  for (let i = 0; i < 1_000; i += 1) expect(await own()).toBe('in');
});

test('what was forgiven counts no more', async () => {
  await flood(100, ATTACKER, () => token('recon-7'));
  expect(await right(ATTACKER, token('recon-7'))).toEqual(expect.any(Number));
  now += 61_000;
  expect(await right(ATTACKER, token('recon-7'))).toBe('in');
});

test('a flood that goes on is looked at as often as the limit says, and no more', async () => {
  await flood(200);
  examined = 0;
  for (let tenth = 0; tenth < 50; tenth += 1) {
    now += 100;
    await flood(100);
  }
  // Five seconds.
  expect(examined).toBeLessThanOrEqual(1_000);
  expect(examined).toBeGreaterThan(900);
});

test('of one name from an address where some have failed, fewer; the others there are looked at', async () => {
  const victim = () => token('recon-7');
  const answers = await flood(100, ATTACKER, victim);
  expect(answers.filter((answer) => answer === 'refused')).toHaveLength(20);
  expect(await right(ATTACKER, token('bo-2'))).toBe('in');
  const wait = await right(ATTACKER, victim());
  expect(wait).toEqual(expect.any(Number));
  now += 1_000 * (wait as number);
  expect(await right(ATTACKER, victim())).toBe('in');
});

test('nobody is locked out by what others claim in its name from elsewhere', async () => {
  for (let i = 0; i < 100; i += 1) await flood(10, `198.51.100.${i}`, () => token('owner'));
  for (let i = 0; i < 50; i += 1) expect(await right(ELSEWHERE, token('owner'))).toBe('in');
});

test('behind the address of a flood, a session that is known goes on, and a stranger gets in before long', async () => {
  expect(await right(ATTACKER, token('recon-7', 'session-7'), 'session-7')).toBe('in');
  // A thousand a second, spread over the second; an honest newcomer tries again whenever it is told.
  let tries = 0;
  let next = now;
  let isIn = false;
  for (let i = 0; i < 10_000 && !isIn; i += 1) {
    now += 1;
    await flood(1, ATTACKER, () => token(`stranger-${i}`));
    expect(await right(ATTACKER, token('recon-7', 'session-7'), 'session-7')).toBe('in');
    if (now < next) continue;
    tries += 1;
    // In between two of the others.
    now += 0.5;
    const answer = await right(ATTACKER, token('newcomer'));
    now -= 0.5;
    isIn = answer === 'in';
    // As a client does: no sooner than it is told, and not in step with others.
    next = now + Math.max(100, 1_000 * Number(answer)) + ((tries * 37) % 61);
  }
  expect([isIn, tries < 100]).toEqual([true, true]);
});

test('who knows a session floods that one alone', async () => {
  await right(ATTACKER, token('insider', 'mine'), 'mine');
  const answers = await flood(1_000, ATTACKER, () => token('recon-7', 'mine'));
  expect(answers.filter((answer) => answer === 'refused')).toHaveLength(100);
  expect(await right(ELSEWHERE, token('recon-7', 'its-own'))).toBe('in');
  // Nor the session itself where its holder is.
  expect(await right(ELSEWHERE, token('recon-7', 'mine'))).toBe('in');
  now += 100;
  expect(await right(ATTACKER, token('recon-7', 'mine'))).toBe('in');
});

test('a clock that was set keeps nobody out, and lets no flood in', async () => {
  await flood(300);
  now -= 3_600_000;
  examined = 0;
  await flood(100);
  expect(examined).toBeLessThanOrEqual(1);
  now += 1_000;
  expect(await right(ATTACKER, token('newcomer'))).toBe('in');
  now += 86_400_000;
  examined = 0;
  await flood(1_000);
  expect(examined).toBe(200);
});

test('what is valid and lets nobody in counts as well, what could not be said does not', async () => {
  const of = (error: Error) =>
    attempts.examine(
      { address: ATTACKER, shown: token('ada') },
      () => Promise.reject(error),
      () => undefined,
    );
  for (let i = 0; i < 30; i += 1) await expect(of(new Error('the keys can’t be had'))).rejects.toThrow('keys');
  expect(failures).toEqual([]);
  for (let i = 0; i < 20; i += 1) await expect(of(new NotEntitled('has no role'))).rejects.toThrow(NotEntitled);
  await expect(of(new NotEntitled('has no role'))).rejects.toThrow(TooManyAttempts);
});

test.each([
  '',
  'abc',
  'a.b.c',
  `a.${part([1])}.c`,
  `a.${part({ sub: { a: 1 }, sid: 7 })}.c`,
  `a.${'A'.repeat(8_000)}.c`,
])('what is no token claims nothing: %.20s', async (shown) => {
  expect(await wrong(ATTACKER, shown)).toBe('refused');
  expect(failures).toEqual([{ answer: 'refused', address: ATTACKER, claims: '' }]);
});

test('a name is remembered no longer than it may be', async () => {
  await wrong(ATTACKER, token('x'.repeat(5_000)));
  expect(failures[0]?.claims).toHaveLength(200);
});

test('what names nobody is no attempt at anybody: it is looked at as often as from one address', async () => {
  const answers = await flood(150, ATTACKER, () => 'not a token');
  expect(answers).toEqual(Array(150).fill('refused'));
  // And one name is.
  expect((await flood(100, ATTACKER, () => token('ada'))).filter((answer) => answer === 'refused').length).toBeLessThan(
    30,
  );
});
