/** The arithmetic of budgets where clocks differ, and where much ends at once. */
import fc from 'fast-check';
import type { Budget, BudgetPeriod, BudgetState, Reservation } from '../../domain/budgets/budget';
import { changed, heldBy, settled, spentAt } from '../../domain/budgets/ledger';
import { toTime } from '../../domain/kernel/time';

const BUDGET = 'pool p';

function budgetOf(period: BudgetPeriod): Budget {
  const thing = { kind: 'pool', name: 'p', limit: 1_000_000, period } as const;
  return { ...thing, by: 'human:ada', reason: 'r', since: toTime(0), reserved: 0, spent: 0, window: '' };
}

function reservationOf(task: string, more: Partial<Reservation> = {}): Reservation {
  const award = { task, award: 1, agent: 'a', estimate: 1, amount: 1, spent: 0, drawn: 0, settled: 0 };
  return { ...award, charges: [BUDGET], since: toTime(0), receipt: `t/budget/t@1`, ...more };
}

function stateOf(period: BudgetPeriod): BudgetState {
  return { budgets: { [BUDGET]: budgetOf(period) }, reservations: {} };
}

const spend = (state: BudgetState, task: string, cost: number, at: string): BudgetState =>
  settled(changed(state, task, reservationOf(task)), task, cost, at);
const spentOf = (state: BudgetState, at: string): number => spentAt(state.budgets[BUDGET] as Budget, at);

test('one settlement by a clock that is ahead makes nobody forget what was spent today', () => {
  let state = spend(stateOf('day'), 'one', 90, '2026-12-01T23:59:58.000Z');
  state = spend(state, 'two', 1, '2026-12-02T00:00:00.100Z');
  state = spend(state, 'three', 2, '2026-12-01T23:59:59.000Z');
  // What is spent of the next day already can't be spent today as well.
  expect(spentOf(state, '2026-12-01T23:59:59.500Z')).toBe(93);
  expect(spentOf(state, '2026-12-02T00:00:01.000Z')).toBe(1);
  expect(spentOf(state, '2026-12-03T00:00:00.000Z')).toBe(0);
});

test('nor do two by one that is days ahead let anything be spent uncounted', () => {
  let state = spend(stateOf('day'), 'one', 1, '2026-12-03T10:00:00.000Z');
  state = spend(state, 'two', 1, '2026-12-04T10:00:00.000Z');
  for (let i = 0; i < 5; i += 1) state = spend(state, `now ${i}`, 50, '2026-12-01T10:00:00.000Z');
  expect(spentOf(state, '2026-12-01T11:00:00.000Z')).toBeGreaterThanOrEqual(250);
});

test('each day and month begins with nothing, a total never does', () => {
  for (const [period, left] of [
    ['day', 0],
    ['month', 5],
    ['total', 5],
  ] as const) {
    const state = spend(stateOf(period), 'one', 5, '2026-12-01T10:00:00.000Z');
    expect(spentOf(state, '2026-12-01T11:00:00.000Z')).toBe(5);
    expect(spentOf(state, '2026-12-02T00:00:00.000Z')).toBe(left);
    expect(spentOf(state, '2027-01-01T00:00:00.000Z')).toBe(period === 'total' ? 5 : 0);
  }
});

/** What a budget holds is what those hold that are charged to it by no other one. */
function heldIn(state: BudgetState, budget: string): number {
  const all = Object.values(state.reservations);
  return all.filter(({ charges }) => charges.includes(budget)).reduce((sum, one) => sum + heldBy(one), 0);
}

test('whatever is left of a task that ends is charged to what it was a part of, part by part', () => {
  const part = fc.record({ amount: fc.nat(50), spent: fc.nat(80), own: fc.boolean() });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), fc.nat(200), fc.nat(200), (parts, whole, cost) => {
      let state: BudgetState = {
        budgets: { [BUDGET]: budgetOf('total'), 'agent b': budgetOf('total') },
        reservations: {},
      };
      state = changed(state, 'top', reservationOf('top', { amount: 100 }));
      state = changed(state, 'whole', reservationOf('whole', { amount: whole, charges: ['agent b'], part_of: 'top' }));
      parts.forEach(({ amount, spent, own }, i) => {
        const charges = own ? ['agent b'] : [];
        state = changed(state, `part ${i}`, reservationOf(`part ${i}`, { amount, spent, charges, part_of: 'whole' }));
      });
      const after = settled(state, 'whole', cost, toTime(0));
      const left = Object.values(after.reservations).filter(({ part_of }) => part_of === 'top');
      expect(left).toHaveLength(parts.length);
      for (const { charges } of left) expect(charges).toEqual(['agent b']);
      const top = after.reservations['top'] as Reservation;
      expect(top.drawn).toBe(left.reduce((sum, one) => sum + heldBy(one), 0));
      expect(top.settled).toBe(cost);
      for (const name of [BUDGET, 'agent b']) expect(after.budgets[name]?.reserved).toBe(heldIn(after, name));
    }),
  );
});

test('what the end of a task costs grows with its open parts, and not with their square', () => {
  const endOf = (count: number): number => {
    const parts = Array.from({ length: count }, (_, i): [string, Reservation] => [
      `part ${i}`,
      reservationOf(`part ${i}`, { charges: [], part_of: 'whole' }),
    ]);
    const whole = reservationOf('whole', { amount: count, drawn: count });
    const budgets = { [BUDGET]: { ...budgetOf('total'), reserved: count } };
    const state = { budgets, reservations: { whole, ...Object.fromEntries(parts) } };
    const began = performance.now();
    expect(settled(state, 'whole', 1, toTime(0)).budgets[BUDGET]).toMatchObject({ reserved: count, spent: 1 });
    return performance.now() - began;
  };
  const least = (count: number) => Math.min(...Array.from({ length: 5 }, () => endOf(count)));
  least(500);
  // Eight times as many: 64 times as much, were it their square.
  expect(least(4_000) / least(500)).toBeLessThan(32);
});
