/** What a task costs in the profile azure is what docs/cost.md says, and stays so however long the log is. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CountedColony, type Spent } from '../../bench/cost';

jest.setTimeout(120_000); // other work shares the machine

const TASKS = 20;
const PAST = 200;

let colony: CountedColony;

beforeAll(async () => {
  colony = await CountedColony.open(mkdtempSync(join(tmpdir(), 'formicary-cost-')));
  await colony.tasks(TASKS, TASKS); // what is asked for only once
});

afterAll(() => colony.close());

const ofTasks = () => colony.spent(TASKS, () => colony.tasks(TASKS, 1));
/** What a life cycle asks for itself. The rest is asked by the clock too, and by how busy the machine is. */
const own = ({ by }: Spent) =>
  Object.entries(by)
    .filter(([name]) => !['feed', 'end', 'checkpoint.save'].includes(name))
    .reduce((sum, [, { requests }]) => sum + requests, 0);

test('a life cycle asks for as much on a long log as on a short one', async () => {
  const early = await ofTasks();
  await colony.tasks(PAST, 32);
  const late = await ofTasks();
  // Six commits; on a busy machine one of them may be tried again, or a pool has something to say.
  for (const { by } of [early, late]) expect(Math.round(by.append?.requests ?? 0)).toBe(6);
  expect(own(late)).toBeLessThan(1.25 * own(early));
  expect(late.requests).toBeLessThan(30);
  expect(late.requestUnits).toBeLessThan(150);
  expect(late.bytesReceived).toBeLessThan(25_000);
  expect(late.busOperations).toBeGreaterThan(0);
  expect(late.busOperations).toBeLessThan(10);
});
