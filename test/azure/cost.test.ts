/** What a task costs in the profile azure is what docs/cost.md says, and stays so however long the log is. */
import '../support/library';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileOf } from '../../bench/colony';
import { Work } from '../../bench/cost';
import { CountedColony, type Spent } from '../../bench/cost-colony';

jest.setTimeout(120_000); // other work shares the machine
process.env['FORMICARY_VIEW_SECONDS'] = '1'; // what is counted ends when views have come so far

const TASKS = 20;
const PAST = 200;
const AGENTS = 68;

let colony: CountedColony;
let work: Work;

beforeAll(async () => {
  colony = await CountedColony.open(mkdtempSync(join(tmpdir(), 'formicary-cost-')));
  work = new Work(colony);
  await work.register(0, AGENTS, profileOf);
  await work.tasks(TASKS, TASKS); // what is asked for only once
});

afterAll(() => colony.close());

const ofTasks = () => colony.spent(TASKS, () => work.tasks(TASKS, 1));
/** What a life cycle asks for itself. The rest is asked by the clock too, and by how busy the machine is. */
const own = ({ by }: Spent) =>
  Object.entries(by)
    .filter(([name]) => !['triggers', 'feed', 'end', 'checkpoint.load', 'checkpoint.save'].includes(name))
    .reduce((sum, [, { requests }]) => sum + requests, 0);

test('a life cycle asks for as much on a long log as on a short one', async () => {
  const early = await ofTasks();
  await work.tasks(PAST, 32);
  const late = await ofTasks();
  // Six commits; on a busy machine one of them may be tried again, or a pool has something to say.
  for (const { by } of [early, late]) expect(Math.round(by.append?.requests ?? 0)).toBe(6);
  for (const { by } of [early, late]) {
    expect(by.append?.requestUnits).toBeLessThan(6 * 6);
    // Its own row, made and changed, and its share of a pack of correlations: none of its agent.
    expect(by['view.put']?.requestUnits).toBeLessThan(52);
  }
  expect(own(late)).toBeLessThan(1.25 * own(early));
  expect(late.bytesReceived).toBeLessThan(25_000);
  expect(late.busOperations).toBeGreaterThan(0);
  expect(late.busOperations).toBeLessThan(20);
});
