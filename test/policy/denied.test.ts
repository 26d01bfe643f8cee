/** Who is denied by the rules again and again neither fills the store nor keeps others from their turn. */
import { denialStream } from '../../domain/audit/denial';
import type { Principal } from '../../domain/kernel/principal';
import { taskDecider, type TaskEvent } from '../../domain/market/task';
import type { PolicyRequest } from '../../domain/policy/asking';
import { MemoryEventStore } from '../support/memory-store';
import { shippedPolicy } from '../support/policy';
import { AGENT, ManualClock, transactorOn } from '../support/transacting';

const KNOCKS = 100_000;
const SECONDS = 20;
const AT_ONCE = 1_000;
/** Receipts of denials that are kept of one principal in a second. */
const KEPT = 5;

test('a hundred thousand denied commands leave a hundred receipts, and no other command waits for them', async () => {
  const rules = await shippedPolicy();
  let asked = 0;
  const policy = { evaluate: (request: PolicyRequest) => ((asked += 1), rules.evaluate(request)) };
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  const transactor = transactorOn(store, { policy, clock });
  const watcher: Principal = { ...AGENT, id: 'watcher', level: 'read_only' };
  let decided = 0;
  const knock = async (n: number): Promise<string> => {
    const outcome = await transactor.transact(taskDecider, `acme/task/${n % 7}`, () => ((decided += 1), []), {
      principal: watcher,
      action: 'task.accept',
    });
    return outcome.ok ? 'allowed' : outcome.rejection.code;
  };
  const cancelled: TaskEvent = { type: 'TaskCancelled', v: 1, data: { by: 'ann', reason: 'no more' } };
  const begun = clock.time;
  let others = 0;
  for (let n = 0; n < KNOCKS; n += AT_ONCE) {
    clock.time = begun + Math.floor((n * SECONDS) / KNOCKS) * 1_000;
    const knocking = Promise.all(Array.from({ length: AT_ONCE }, (_, i) => knock(n + i)));
    // Given behind a thousand that are denied.
    const outcome = await transactor.transact(taskDecider, `acme/task/of-ann-${n}`, () => [cancelled], {
      principal: { ...AGENT, id: 'ann' },
      action: 'task.cancel',
    });
    others += outcome.ok ? 1 : 0;
    expect(new Set(await knocking)).toEqual(new Set(['policy-denied']));
  }
  expect(asked).toBe(KNOCKS + KNOCKS / AT_ONCE);
  expect(decided).toBe(0);
  expect(others).toBe(KNOCKS / AT_ONCE);
  const receipts = store.entries(denialStream('acme', 'watcher'));
  expect(receipts).toHaveLength(KEPT * SECONDS);
  expect(store.log).toHaveLength(KEPT * SECONDS + others);
});
