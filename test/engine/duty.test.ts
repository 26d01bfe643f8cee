/** Several processes of which one does what is enough to be done once. */
import { systemClock } from '../../app/engine/clock';
import { Duty } from '../../app/engine/duty';
import type { LeaseClaim, Leases } from '../../app/engine/ports-leases';

/** In the memory of this process, as strict as a store. */
class MemoryLeases implements Leases {
  readonly claims: LeaseClaim[] = [];
  away = false;
  private held: { readonly holder: string; readonly until: number } | undefined;

  async hold(claim: LeaseClaim): Promise<boolean> {
    if (this.away) throw new Error('away');
    this.claims.push(claim);
    const { holder, at, seconds } = claim;
    if (this.held !== undefined && this.held.holder !== holder && this.held.until > at) return false;
    this.held = { holder, until: at + seconds * 1_000 };
    return true;
  }

  async release({ holder }: Pick<LeaseClaim, 'holder'>): Promise<void> {
    if (this.held?.holder === holder) this.held = undefined;
  }
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const reports: string[] = [];
const dutyOf = (leases: Leases | undefined, holder: string) =>
  new Duty(leases, holder, systemClock, (message) => reports.push(message));

test('whoever is alone on its stores has it, without asking', async () => {
  const alone = dutyOf(undefined, 'a');
  expect(alone.mine).toBe(true);
  await alone.start();
  await alone.stop();
  expect(alone.mine).toBe(true);
});

test('one of several has it, from its start on, and another one when that stops', async () => {
  const leases = new MemoryLeases();
  const [a, b] = [dutyOf(leases, 'a'), dutyOf(leases, 'b')];
  expect([a.mine, b.mine]).toEqual([false, false]);
  await a.start();
  await b.start();
  await jest.advanceTimersByTimeAsync(120_000);
  expect([a.mine, b.mine]).toEqual([true, false]);
  await a.stop();
  expect([a.mine, b.mine]).toEqual([false, false]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(b.mine).toBe(true);
  await b.stop();
  const asked = leases.claims.length;
  await jest.advanceTimersByTimeAsync(60_000);
  expect(leases.claims.length).toBe(asked);
});

test('who can’t renew it has given it up before anybody else may take it', async () => {
  const leases = new MemoryLeases();
  const a = dutyOf(leases, 'a');
  await a.start();
  const [{ at, seconds }] = leases.claims as [LeaseClaim];
  leases.away = true;
  const free = at + seconds * 1_000;
  while (a.mine && systemClock.now() < free) await jest.advanceTimersByTimeAsync(1_000);
  expect(systemClock.now()).toBeLessThan(free);
  expect(reports).toContain('the lease could not be asked for');
  leases.away = false;
  await jest.advanceTimersByTimeAsync(10_000);
  expect(a.mine).toBe(true);
  await a.stop();
});
