import fc from 'fast-check';
import {
  type Budget,
  budgetDecider,
  type BudgetEvent,
  budgetKey,
  budgetsDue,
  type BudgetState,
  confirmReservation,
  isOver,
  isUnbudgeted,
  MAX_BUDGET,
  MAX_BUDGETS,
  MAX_COST,
  MAX_RESERVATIONS,
  raiseReservation,
  removeBudget,
  reportSpend,
  type Reservation,
  reservationKey,
  reservationOf,
  type ReservationRequest,
  reserveBudget,
  setBudget,
  settleReservation,
} from '../../domain/budgets/budget';
import { leftOf, spentAt } from '../../domain/budgets/ledger';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { at, given, GIVEN_TIME } from '../support/given';

const NOW = plusSeconds(GIVEN_TIME, 100);
const EXPIRES = plusSeconds(NOW, 60);
const pool = { kind: 'pool', name: 'finance' } as const;
const whole = { kind: 'tenant', name: 'acme' } as const;
const ada = { tenant: 'acme', id: 'human:ada', kind: 'human' } as const;
const set = (
  thing: { readonly kind: Budget['kind']; readonly name: string } = pool,
  limit = 100,
  period: Budget['period'] = 'total',
): BudgetEvent => ({
  type: 'BudgetSet',
  v: 1,
  data: { ...thing, limit, period, by: 'human:ada', reason: 'the pilot' },
});
const asked = (changes: Partial<ReservationRequest> = {}): ReservationRequest => ({
  task: 't',
  award: 1,
  agent: 'ann',
  tenant: 'acme',
  pool: 'finance',
  agent_type: 'finance.audit',
  estimate: 10,
  amount: 12,
  expires: EXPIRES,
  ...changes,
});
const reserved = (changes: Partial<Extract<BudgetEvent, { type: 'BudgetReserved' }>['data']> = {}): BudgetEvent => ({
  type: 'BudgetReserved',
  v: 1,
  data: {
    task: 't',
    award: 1,
    agent: 'ann',
    expires: EXPIRES,
    reserved_at: NOW,
    estimate: 10,
    amount: 12,
    charges: ['pool finance'],
    part_of: undefined,
    ...changes,
  },
});
const AWARD = { task: 't', award: 1, agent: 'ann' };
/** Where `given` puts the second event. */
const RECEIPT = 'acme/budget/given@1';
const budget = ({ budgets }: BudgetState, key = 'pool finance') => budgets[key] as Budget;

describe('a budget', () => {
  test('is set, set anew, and removed', () => {
    given(budgetDecider, [])
      .when(setBudget(pool, { limit: 100, period: 'total' }, ada, 'the pilot'))
      .then([set()])
      .thenRepeatedNothing();
    given(budgetDecider, [set(), reserved()])
      .when(setBudget(pool, { limit: 5, period: 'total' }, ada, 'less'))
      .thenState((state) =>
        expect(budget(state)).toMatchObject({ limit: 5, reserved: 12, since: GIVEN_TIME, reason: 'less' }),
      );
    given(budgetDecider, [set()])
      .when(removeBudget(pool, 'human:ada', 'over'))
      .then([{ type: 'BudgetRemoved', v: 1, data: { ...pool, by: 'human:ada', reason: 'over' } }])
      .thenState((state) => expect(isUnbudgeted(state)).toBe(true));
    given(budgetDecider, [])
      .when(removeBudget(pool, 'human:ada', 'over'))
      .thenNothing();
  });

  test('another period begins with nothing spent; what was removed begins with nothing reserved', () => {
    const settled: BudgetEvent = {
      type: 'BudgetSettled',
      v: 1,
      data: { ...AWARD, reservation: RECEIPT, cost: 7, outcome: 'completed', settled_at: NOW },
    };
    given(budgetDecider, [set(), reserved(), settled, set(pool, 100, 'day')]).thenState((state) =>
      expect(spentAt(budget(state), NOW)).toBe(0),
    );
    given(budgetDecider, [
      set(),
      reserved(),
      { type: 'BudgetRemoved', v: 1, data: { ...pool, by: 'human:ada', reason: 'over' } },
      set(),
    ]).thenState((state) => expect(budget(state)).toMatchObject({ reserved: 0, spent: 0 }));
  });

  test.each<[string, Parameters<typeof setBudget>]>([
    ['name-invalid', [{ kind: 'pool', name: 'a/b' }, { limit: 1, period: 'total' }, ada, 'why']],
    ['name-invalid', [{ kind: 'tenant', name: 'other' }, { limit: 1, period: 'total' }, ada, 'why']],
    ['reason-invalid', [pool, { limit: 1, period: 'total' }, ada, ' ']],
    ['amount-invalid', [pool, { limit: -1, period: 'total' }, ada, 'why']],
    ['amount-invalid', [pool, { limit: 0.5, period: 'total' }, ada, 'why']],
    ['amount-invalid', [pool, { limit: NaN, period: 'total' }, ada, 'why']],
    ['amount-invalid', [pool, { limit: Infinity, period: 'total' }, ada, 'why']],
    ['amount-invalid', [pool, { limit: '5' as unknown as number, period: 'total' }, ada, 'why']],
    ['amount-invalid', [pool, { limit: MAX_BUDGET + 1, period: 'total' }, ada, 'why']],
  ])('%s', (code, args) => {
    given(budgetDecider, [])
      .when(setBudget(...args))
      .thenRejected(code);
  });

  test('there is a bound, which no removed one counts for', () => {
    const full: BudgetState = {
      budgets: Object.fromEntries(
        Array.from({ length: MAX_BUDGETS }, (_, i) => [`agent a-${i}`, { kind: 'agent', name: `a-${i}` } as Budget]),
      ),
      reservations: {},
    };
    expect(setBudget(pool, { limit: 1, period: 'total' }, ada, 'why')(full)).toMatchObject({ code: 'budgets-full' });
    const again = setBudget({ kind: 'agent', name: 'a-0' }, { limit: 1, period: 'total' }, ada, 'why')(full);
    expect(again).toHaveLength(1);
  });
});

describe('a reservation', () => {
  test('is made in all budgets that it concerns, or in none; without any nothing is reserved', () => {
    given(budgetDecider, [set(), set(whole, 50)])
      .when(reserveBudget(asked(), NOW))
      .then([reserved({ charges: ['tenant acme', 'pool finance'] })])
      .thenState((state) => expect([budget(state).reserved, budget(state, 'tenant acme').reserved]).toEqual([12, 12]));
    given(budgetDecider, [set(), set(whole, 11)])
      .when(reserveBudget(asked(), NOW))
      .thenRejected('budget-exceeded', { budget: 'tenant acme', limit: 11, left: 11, amount: 12 });
    given(budgetDecider, []).when(reserveBudget(asked(), NOW)).thenNothing();
    given(budgetDecider, [set({ kind: 'pool', name: 'hr' })])
      .when(reserveBudget(asked(), NOW))
      .thenNothing();
  });

  test('what has no price, or none that is an amount, is not reserved', () => {
    const none = { estimate: undefined, amount: undefined };
    given(budgetDecider, [set()])
      .when(reserveBudget(asked(none), NOW))
      .thenRejected('cost-unknown');
    given(budgetDecider, [set({ kind: 'pool', name: 'hr' })])
      .when(reserveBudget(asked(none), NOW))
      .thenNothing();
    for (const amount of [NaN, -1, 0.5, Infinity, MAX_COST + 1])
      given(budgetDecider, [set(pool, MAX_BUDGET)])
        .when(reserveBudget(asked({ amount }), NOW))
        .thenRejected('amount-invalid');
  });

  test('that is asked for again lasts longer, keeps its name and takes nothing more', () => {
    const later = plusSeconds(EXPIRES, 30);
    given(budgetDecider, [set(), reserved()])
      .when(reserveBudget(asked({ expires: later, estimate: 90, amount: 95 }), NOW))
      .then([reserved({ expires: later })])
      .thenState((state) => {
        expect(budget(state).reserved).toBe(12);
        expect(reservationOf(state, 't')).toMatchObject({ receipt: RECEIPT, expires: later });
      });
    given(budgetDecider, [set(), reserved(), { type: 'ReservationConfirmed', v: 1, data: AWARD }])
      .when(reserveBudget(asked({ expires: later }), NOW))
      .thenNothing();
  });

  test('is confirmed by its name, and due until then', () => {
    given(budgetDecider, [set(), reserved()]).thenState((state) => expect(budgetsDue(state)).toBe(EXPIRES));
    given(budgetDecider, [set(), reserved()])
      .when(confirmReservation(AWARD, RECEIPT))
      .then([{ type: 'ReservationConfirmed', v: 1, data: AWARD }])
      .thenState((state) => expect([budgetsDue(state), budget(state).reserved]).toEqual([undefined, 12]));
    given(budgetDecider, [set(), reserved()]).when(confirmReservation(AWARD, 'acme/budget/given@9')).thenNothing();
  });

  test('there is a bound', () => {
    const open = { charges: [] } as unknown as Reservation;
    const full: BudgetState = {
      budgets: { [budgetKey(pool)]: { ...pool, limit: 100, period: 'total', reserved: 0, spent: 0 } as never },
      reservations: Object.fromEntries(Array.from({ length: MAX_RESERVATIONS }, (_, i) => [`t${i} 1 a`, open])),
    };
    expect(reserveBudget(asked(), NOW)(full)).toMatchObject({ code: 'reservations-full' });
  });
});

describe('is settled', () => {
  const settled = (cost: number, outcome = 'completed'): BudgetEvent => ({
    type: 'BudgetSettled',
    v: 1,
    data: { ...AWARD, reservation: RECEIPT, cost, outcome, settled_at: NOW },
  });
  const reported: BudgetEvent = { type: 'SpendReported', v: 1, data: { ...AWARD, spent: 4, over: false } };

  test.each<[string, number | undefined, string, readonly BudgetEvent[], number]>([
    ['with what was reported', 7, 'completed', [], 7],
    ['with the estimate, where nothing was', undefined, 'completed', [], 10],
    ['with the most that was reported', 3, 'completed', [reported], 4],
    ['with what was reported, where it failed', undefined, 'failed', [reported], 4],
    ['with nothing, where it failed without a report', undefined, 'lost', [], 0],
    ['with more than was reserved, where it has cost that', 40, 'completed', [], 40],
    ['with nothing, where the award never came', undefined, 'void', [], 0],
  ])('%s', (_, cost, outcome, before, spent) => {
    given(budgetDecider, [set(), reserved(), ...before])
      .when(settleReservation(AWARD, RECEIPT, cost, outcome, NOW))
      .then([settled(spent, outcome)])
      .thenState((state) => {
        expect(budget(state)).toMatchObject({ reserved: 0, spent });
        expect(leftOf(budget(state), NOW)).toBe(100 - spent);
        expect(state.reservations).toEqual({});
      });
  });

  test('by its name alone: what was reserved anew under the same award stays', () => {
    given(budgetDecider, [set(), reserved(), settled(7), reserved()])
      .when(settleReservation(AWARD, RECEIPT, 7, 'completed', NOW))
      .thenNothing();
  });

  test('in the day in which it is over; the next one begins with nothing spent', () => {
    given(budgetDecider, [set(pool, 100, 'day'), reserved()])
      .when(settleReservation(AWARD, RECEIPT, 90, 'completed', NOW))
      .thenState((state) => {
        expect(spentAt(budget(state), NOW)).toBe(90);
        const tomorrow = plusSeconds(NOW, 86_400);
        expect(spentAt(budget(state), tomorrow)).toBe(0);
        expect(reserveBudget(asked({ award: 2 }), NOW)(state)).toBeInstanceOf(Rejection);
        expect(reserveBudget(asked({ award: 2 }), tomorrow)(state)).toHaveLength(1);
      });
    given(budgetDecider, [set(pool, 100, 'month'), reserved()])
      .when(settleReservation(AWARD, RECEIPT, 90, 'completed', NOW))
      .thenState((state) => expect(spentAt(budget(state), plusSeconds(NOW, 86_400))).toBe(90));
  });
});

describe('what is spent during work', () => {
  test('is written now and then, and at once where it is more than was reserved', () => {
    given(budgetDecider, [set(), reserved({ amount: 100 })])
      .when(reportSpend(AWARD, 9))
      .thenNothing();
    given(budgetDecider, [set(), reserved({ amount: 100 })])
      .when(reportSpend(AWARD, 10))
      .then([{ type: 'SpendReported', v: 1, data: { ...AWARD, spent: 10, over: false } }])
      .thenRepeatedNothing();
    given(budgetDecider, [set(), reserved()])
      .when(reportSpend(AWARD, 13))
      .then([{ type: 'SpendReported', v: 1, data: { ...AWARD, spent: 13, over: true } }])
      .thenState((state) => {
        expect(budget(state).reserved).toBe(13);
        expect(isOver(reservationOf(state, 't') as Reservation)).toBe(true);
      });
    given(budgetDecider, [set()]).when(reportSpend(AWARD, 13)).thenNothing();
    given(budgetDecider, [set(), reserved()])
      .when(reportSpend(AWARD, MAX_COST + 1))
      .thenRejected('amount-invalid');
  });

  test('a person lets it cost more, if the budget has that', () => {
    const over: BudgetEvent = { type: 'SpendReported', v: 1, data: { ...AWARD, spent: 20, over: true } };
    const history = [set(pool, 30), reserved(), over];
    given(budgetDecider, history)
      .when(raiseReservation('t', 18, ada, 'go on', NOW))
      .then([{ type: 'ReservationRaised', v: 1, data: { ...AWARD, more: 18, by: 'human:ada', reason: 'go on' } }])
      .thenState((state) => expect(budget(state).reserved).toBe(30));
    given(budgetDecider, history)
      .when(raiseReservation('t', 19, ada, 'go on', NOW))
      .thenRejected('budget-exceeded', { budget: 'pool finance', left: 10, amount: 11, limit: 30 });
    const service = { id: 'service:ops', kind: 'service' };
    given(budgetDecider, history)
      .when(raiseReservation('t', 1, service, 'go on', NOW))
      .thenRejected('person-raises');
    given(budgetDecider, history)
      .when(raiseReservation('u', 1, ada, 'go on', NOW))
      .thenRejected('reservation-not-found');
    given(budgetDecider, history)
      .when(raiseReservation('t', 0, ada, 'go on', NOW))
      .thenRejected('amount-invalid');
    given(budgetDecider, history)
      .when(raiseReservation('t', 1, ada, '', NOW))
      .thenRejected('reason-invalid');
  });
});

describe('sub-tasks', () => {
  const part = { task: 'part', award: 1, agent: 'bob' };
  const PART = 'acme/budget/given@2';
  const child = (changes: Partial<ReservationRequest> = {}) =>
    asked({ ...part, pool: 'hr', parent: 't', estimate: 5, amount: 6, ...changes });
  const drawn = reserved({ ...part, estimate: 5, amount: 6, charges: [], part_of: 't 1 ann' });

  test('are charged to what is reserved for the whole, and to no budget twice', () => {
    given(budgetDecider, [set(), reserved()])
      .when(reserveBudget(child(), NOW))
      .then([drawn])
      .thenState((state) => {
        expect(budget(state).reserved).toBe(12);
        expect(reservationOf(state, 't')).toMatchObject({ drawn: 6 });
      });
    given(budgetDecider, [set(), reserved()])
      .when(reserveBudget(child({ amount: 13 }), NOW))
      .thenRejected('budget-exceeded', { budget: 'task t', limit: 12, left: 12, amount: 13 });
    given(budgetDecider, [set(), set({ kind: 'pool', name: 'hr' }, 5), reserved()])
      .when(reserveBudget(child(), NOW))
      .thenRejected('budget-exceeded', { budget: 'pool hr', limit: 5, left: 5, amount: 6 });
  });

  test('what they cost is spent with the whole', () => {
    given(budgetDecider, [set(), reserved(), drawn])
      .when(settleReservation(part, PART, 4, 'completed', NOW))
      .thenState((state) => {
        expect(budget(state)).toMatchObject({ reserved: 12, spent: 0 });
        expect(reservationOf(state, 't')).toMatchObject({ drawn: 0, settled: 4 });
        const over = reportSpend(AWARD, 9)(state);
        expect(over).toMatchObject([{ type: 'SpendReported', data: { over: true } }]);
        const rest = settleReservation(AWARD, RECEIPT, 5, 'completed', NOW)(state);
        given(budgetDecider, [set(), reserved(), drawn])
          .when(() => [...(settleReservation(part, PART, 4, 'completed', NOW)(state) as []), ...(rest as [])])
          .thenState((after) => expect(budget(after).reserved).toBeLessThanOrEqual(12));
      });
  });

  test('that outlast the whole are charged to its budgets', () => {
    given(budgetDecider, [set(), reserved(), drawn])
      .when(settleReservation(AWARD, RECEIPT, 5, 'completed', NOW))
      .thenState((state) => {
        expect(budget(state)).toMatchObject({ reserved: 6, spent: 5 });
        expect(reservationOf(state, 'part')).toMatchObject({ charges: ['pool finance'], part_of: undefined });
      });
  });

  test('that hold nothing yet outlast the whole like any other', () => {
    const free = reserved({ ...part, estimate: 0, amount: 0, charges: [], part_of: 't 1 ann' });
    given(budgetDecider, [set(), reserved(), free])
      .when(settleReservation(AWARD, RECEIPT, 5, 'completed', NOW))
      .thenState((state) =>
        expect(reservationOf(state, 'part')).toMatchObject({ charges: ['pool finance'], part_of: undefined }),
      );
  });

  test('without a reservation of the whole they are charged like any other', () => {
    given(budgetDecider, [set({ kind: 'pool', name: 'hr' })])
      .when(reserveBudget(child(), NOW))
      .thenState((state) => expect(budget(state, 'pool hr').reserved).toBe(6));
  });
});

test('events are placed in time', () => {
  given(budgetDecider, [at({ at: '2026-11-22T00:00:00.000Z' }, set())]).thenState((state) =>
    expect(budget(state).since).toBe('2026-11-22T00:00:00.000Z'),
  );
});

/**
 * Whatever is asked in whatever order: what is reserved is the sum of what is open, and nothing is reserved that a
 * budget has not. By a count of its own.
 */
describe('for any commands', () => {
  const things = [whole, pool, { kind: 'agent_type', name: 'k' }, { kind: 'agent', name: 'ann' }] as const;
  type Ask = { readonly do: string; readonly i: number; readonly n: number; readonly p: number };
  const ask: fc.Arbitrary<Ask> = fc.record({
    do: fc.constantFrom('set', 'remove', 'reserve', 'reserve', 'reserve', 'settle', 'report', 'raise', 'confirm'),
    i: fc.nat(5),
    n: fc.nat(40),
    p: fc.nat(6),
  });
  const agents = ['ann', 'bob'];

  function decide({ do: what, i, n, p }: Ask, state: BudgetState) {
    const task = `t${i}`;
    const open = Object.values(state.reservations).find((one) => one.task === task);
    const award = open ?? { task, award: 1, agent: agents[i % 2] as string };
    const thing = things[i % things.length] as (typeof things)[number];
    switch (what) {
      case 'set':
        return setBudget(thing, { limit: n * 3, period: 'total' }, ada, 'x')(state);
      case 'remove':
        return p === 0 ? removeBudget(thing, 'human:ada', 'x')(state) : [];
      case 'reserve': {
        const parent = p > 3 && p - 3 < i ? `t${p - 3}` : undefined;
        const names = { agent: agents[i % 2] as string, pool: i % 2 === 0 ? 'finance' : 'hr', agent_type: 'k' };
        return reserveBudget(asked({ task, ...names, parent, estimate: n, amount: n }), NOW)(state);
      }
      case 'settle':
        return settleReservation(award, open?.receipt ?? '', n, 'completed', NOW)(state);
      case 'report':
        return reportSpend(award, n)(state);
      case 'raise':
        return raiseReservation(task, n, ada, 'x', NOW)(state);
      default:
        return confirmReservation(award, open?.receipt ?? '')(state);
    }
  }

  test('what is reserved is the sum of what is open, and is never more than there was', () => {
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 80, size: 'max' }), (asks) => {
        let state = budgetDecider.initial;
        let index = -1;
        for (const one of asks) {
          const decided = decide(one, state);
          if (decided instanceof Rejection) continue;
          const before = state;
          for (const event of decided) {
            index += 1;
            const place = { index, at: NOW, stream: 'acme/budget/all', correlationId: 'c' };
            state = budgetDecider.evolve(state, event, place);
          }
          const reservations = Object.values(state.reservations);
          const heldOf = (open: Reservation): number => {
            const parts = reservations.filter(({ part_of }) => part_of === reservationKey(open));
            const drawn = parts.reduce((sum, part) => sum + heldOf(part), 0);
            expect(open.drawn).toBe(drawn);
            return Math.max(open.amount, open.spent + open.settled + drawn);
          };
          for (const [key, { reserved: held, limit, spent }] of Object.entries(state.budgets)) {
            const charged = reservations.filter(({ charges }) => charges.includes(key));
            expect(held).toBe(charged.reduce((sum, open) => sum + heldOf(open), 0));
            // Only a report, a settlement or a lower limit goes beyond it; never what is reserved or raised anew.
            if ((one.do === 'reserve' || one.do === 'raise') && held > (before.budgets[key]?.reserved ?? 0))
              expect(held + spent).toBeLessThanOrEqual(limit);
          }
          for (const open of reservations)
            if (open.part_of !== undefined) expect(state.reservations).toHaveProperty([open.part_of]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
