import { FairQueue } from '../../app/operation/fair-queue';
import type { Work } from '../../contract/route';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A queue, and who has begun in which order. */
function queue() {
  const fair = new FairQueue();
  const begun: string[] = [];
  const ask = (tenant: string, work: Work = 'new'): void => {
    const mine = fair.turn(work, tenant);
    if (mine === undefined) begun.push(tenant);
    else void mine.then(() => begun.push(tenant));
  };
  const all = async (): Promise<void> => {
    for (let quiet = 0, before = -1; quiet < 3; before = begun.length) {
      await turn();
      quiet = begun.length === before ? quiet + 1 : 0;
    }
  };
  return { fair, begun, ask, all };
}

test('whoever comes while there is room begins at once', async () => {
  const { fair, begun, ask } = queue();
  for (let i = 0; i < 3; i += 1) {
    ask('a');
    expect(begun).toHaveLength(i + 1);
    await turn();
    await turn();
  }
  expect(fair.takeWait()).toBe(0);
});

test('a tenant with a hundred requests has its turn between those of others', async () => {
  const { begun, ask, all } = queue();
  for (let i = 0; i < 100; i += 1) ask('noisy');
  for (let i = 0; i < 5; i += 1) for (const tenant of ['a', 'b', 'c']) ask(tenant);
  await all();
  expect(begun).toHaveLength(115);
  const last = Math.max(...['a', 'b', 'c'].map((tenant) => begun.lastIndexOf(tenant)));
  // Those that began before the others came, and one for each round of the others.
  expect(begun.slice(0, last).filter((tenant) => tenant === 'noisy').length).toBeLessThan(8 + 8);
});

test('what is under way begins first, and new work comes to an end all the same', async () => {
  const { begun, ask, all } = queue();
  for (let i = 0; i < 8; i += 1) ask('first');
  for (let i = 0; i < 10; i += 1) ask('new');
  for (let i = 0; i < 100; i += 1) ask('busy', 'underway');
  await all();
  expect(begun).toHaveLength(118);
  // One of eight in each turn.
  expect(begun.slice(8, 8 + 80).filter((tenant) => tenant === 'new')).toHaveLength(10);
});

test('one tenant that waits for itself makes the host hardly late; all that wait do', async () => {
  let time = 0;
  const waited = async (tenants: readonly string[]): Promise<number> => {
    const fair = new FairQueue(() => time);
    const begun = tenants.map((tenant) => fair.turn('new', tenant));
    for (const turnsOf of begun.keys()) {
      if (turnsOf * 8 > tenants.length) break;
      time += 8;
      await turn();
    }
    await Promise.all(begun.filter((mine) => mine !== undefined));
    const seconds = fair.takeWait();
    expect(fair.takeWait()).toBe(0);
    return seconds;
  };
  const others = Array.from({ length: 9 }, (_, n) => `tenant-${n}`);
  // 800 requests take a hundred turns of 8 ms: 0.4 s on average.
  expect(await waited(Array.from({ length: 800 }, () => 'alone'))).toBeCloseTo(0.4, 1);
  const noisy = await waited([...Array.from({ length: 791 }, () => 'noisy'), ...others]);
  expect(noisy).toBeGreaterThan(0.03);
  expect(noisy).toBeLessThan(0.06);
});
