/** What was taken back stays so, for tokens of other issuers too, whose clocks are others'. */
import {
  accessDecider,
  type AccessEvent,
  type AccessState,
  isRevokedSince,
  MAX_REVOKED,
  MAX_TOKEN_AGE_SECONDS,
  revoke,
  type Revoked,
  TOLERANCE_SECONDS,
} from '../../domain/identity/access';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';

const NOW = '2026-11-21T10:00:00.000Z';

function after(state: AccessState, revoked: Revoked, at: Time): AccessState {
  const events = revoke(revoked, 'human:ada', 'it may have leaked', at)(state);
  if (events instanceof Rejection) throw new Error(events.message);
  return events.reduce(
    (all: AccessState, event: AccessEvent, index) =>
      accessDecider.evolve(all, event, { stream: 'acme/access/all', index, at, correlationId: 'c' }),
    state,
  );
}

test.each<Revoked>([{ kind: 'principal', id: 'human:eve' }, { kind: 'tenant' }])(
  'what an issuer with a fast clock had signed before all of a $kind was taken back ends too',
  (revoked) => {
    const state = after(accessDecider.initial, revoked, NOW);
    const issued = (seconds: number) => isRevokedSince(state, 'one', 'human:eve', plusSeconds(NOW, seconds));
    expect([-3_600, 0, TOLERANCE_SECONDS].map(issued)).toEqual([true, true, true]);
    expect(issued(TOLERANCE_SECONDS + 1)).toBe(false);
  },
);

test('a single one is remembered for as long as it may be believed, whatever is taken back meanwhile', () => {
  let state = after(accessDecider.initial, { kind: 'token', id: 'one' }, NOW);
  for (let hours = 1; hours <= MAX_TOKEN_AGE_SECONDS / 3_600; hours += 1)
    state = after(state, { kind: 'token', id: `other-${hours}` }, plusSeconds(NOW, hours * 3_600));
  expect(isRevokedSince(state, 'one', 'human:eve', NOW)).toBe(true);
});

test('a clock that ran ahead forgets none of them, and what is full loses the one that ends first', () => {
  let state = after(accessDecider.initial, { kind: 'token', id: 'one' }, NOW);
  state = after(state, { kind: 'token', id: 'by-a-clock-ahead' }, plusSeconds(NOW, 30 * 86_400));
  state = after(state, { kind: 'token', id: 'set-right' }, plusSeconds(NOW, 60));
  for (const session of ['one', 'by-a-clock-ahead', 'set-right'])
    expect(isRevokedSince(state, session, 'human:eve', NOW)).toBe(true);
  const many = Array.from({ length: MAX_REVOKED - 3 }, (_, n) => [`more-${n}`, plusSeconds(NOW, 10 * 86_400 + n)]);
  const full = { ...state, tokens: { ...state.tokens, ...Object.fromEntries(many) } };
  const { tokens } = after(full, { kind: 'token', id: 'last' }, plusSeconds(NOW, 5 * 86_400));
  expect(Object.keys(tokens)).toHaveLength(MAX_REVOKED);
  expect([tokens['one'], tokens['set-right'], tokens['by-a-clock-ahead'], tokens['last']].map(Boolean)).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
