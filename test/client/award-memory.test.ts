/** What is remembered of awards: the latest of each task, and no more than has room. */
import { AwardMemory } from '../../client/award-memory';

test('knows the latest award of a task, also when an earlier one is told later', () => {
  const memory = new AwardMemory<string>();
  memory.set('t', 2, 'second');
  memory.set('t', 1, 'first');
  expect([memory.get('t', 1), memory.get('t', 2)]).toEqual([undefined, 'second']);
  memory.set('t', 3, 'third');
  expect([memory.get('t', 2), memory.get('t', 3)]).toEqual([undefined, 'third']);
  memory.forget('t');
  expect(memory.get('t', 3)).toBeUndefined();
});

test('forgets the oldest of more than 10,000 tasks, and of more than 16 MB', () => {
  const memory = new AwardMemory<true>();
  for (let i = 0; i < 10_001; i += 1) memory.set(`t${i}`, 1, true);
  expect([memory.get('t0', 1), memory.get('t1', 1), memory.get('t10000', 1)]).toEqual([undefined, true, true]);
  memory.set('t1', 1, true);
  memory.set('large', 1, true, 9_000_000);
  memory.set('t1', 2, true);
  memory.set('larger', 1, true, 7_000_001);
  expect([memory.get('large', 1), memory.get('t1', 2), memory.get('larger', 1)]).toEqual([undefined, true, true]);
});
