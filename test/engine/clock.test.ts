/** The clock of a process, over a machine whose time of day is set to anything, and whose own time only passes. */
import fc from 'fast-check';
import { SteadyClock } from '../../app/engine/clock';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

class Machine {
  passed = 0;
  /** What the time of day is ahead of the time that passed. */
  set = 1_000_000_000_000;
  readonly clock = new SteadyClock({ wall: () => this.passed + this.set, monotonic: () => this.passed });
  private readonly began = this.clock.now();

  /** Lets time pass, in steps of at most a second, as a process that looks at its clock does. */
  pass(milliseconds: number): number {
    for (let left = milliseconds; left > 0; left -= 1_000) {
      this.passed += Math.min(1_000, left);
      this.clock.now();
    }
    return this.elapsed;
  }

  /** By the clock. */
  get elapsed(): number {
    return this.clock.now() - this.began;
  }
}

test('tells the time of day while nobody sets it', () => {
  const machine = new Machine();
  machine.pass(HOUR);
  expect(machine.clock.now()).toBe(machine.passed + machine.set);
  expect(machine.clock.drift()).toBe(0);
});

test.each([
  ['a day ahead', DAY],
  ['a day behind', -DAY],
  ['thirty days behind', -30 * DAY],
])('%s for ten seconds changes no duration', (_, by) => {
  const machine = new Machine();
  machine.pass(5_000);
  machine.set += by;
  expect(machine.pass(10_000)).toBe(15_000);
  expect(machine.clock.drift()).toBe(by);
  machine.set -= by;
  expect(machine.pass(100_000)).toBe(115_000);
  expect(machine.clock.drift()).toBe(0);
});

test('a step ahead that lasts is taken over; the machine may have slept', () => {
  const machine = new Machine();
  machine.set += 8 * HOUR;
  machine.pass(59_000);
  expect(machine.elapsed).toBe(59_000);
  machine.pass(3_000);
  expect(machine.elapsed).toBe(62_000 + 8 * HOUR);
});

test('a step behind that lasts is waited for: time goes on, a tenth slower, until the machine has caught up', () => {
  const machine = new Machine();
  machine.set -= HOUR;
  expect(machine.pass(60_000)).toBe(60_000);
  expect(machine.pass(600_000)).toBeGreaterThanOrEqual(600_000);
  machine.pass(11 * HOUR);
  expect(machine.clock.drift()).toBe(0);
  expect(machine.clock.now()).toBe(machine.passed + machine.set);
});

test('what the machine evens out by itself is followed', () => {
  const machine = new Machine();
  for (let minute = 0; minute < 60; minute += 1) {
    machine.set += 50;
    machine.pass(60_000);
  }
  expect(Math.abs(machine.clock.drift())).toBeLessThan(50);
});

test('property: however the time of day jumps, the clock never goes back, and a duration that no step ahead outlasts is right to a tenth', () => {
  const step = fc.record({
    jump: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -40 * DAY, max: 40 * DAY }),
      fc.integer({ min: -2_000, max: 2_000 }),
    ),
    wait: fc.integer({ min: 1, max: 50_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const machine = new Machine();
      let before = machine.clock.now();
      let offset = machine.set;
      let since = 0;
      for (const { jump, wait } of steps) {
        machine.set += jump;
        if (Math.abs(machine.set - offset) > 1_000) [offset, since] = [machine.set, machine.passed];
        machine.clock.now();
        machine.pass(wait);
        const now = machine.clock.now();
        const went = now - before;
        expect(went).toBeGreaterThanOrEqual(Math.floor(wait * 0.9) - 1);
        // What was believed in has stood for a minute.
        if (machine.passed - since < 60_000) expect(went).toBeLessThanOrEqual(Math.ceil(wait * 1.1) + 1);
        before = now;
      }
    }),
    { numRuns: 300 },
  );
});
