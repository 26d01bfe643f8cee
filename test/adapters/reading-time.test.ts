/** Those that read the database beside each other have their turns in order. */
import { ReadingTime } from '../../adapters/embedded/reading-time';

/** Holds the thread for longer than a turn may read. */
function readLong(): void {
  for (const until = performance.now() + 6; performance.now() < until;);
}

test('who reads much does not keep those behind it from their turn', async () => {
  const time = new ReadingTime();
  const order: string[] = [];
  const reader = async (name: string, pieces: number) => {
    for (let piece = 0; piece < pieces; piece += 1) {
      if (time.over) await time.left();
      time.of(readLong);
      order.push(name);
    }
  };
  await Promise.all([reader('long', 20), reader('short', 1), reader('other', 2)]);
  expect(order.slice(0, 6)).toEqual(['long', 'long', 'short', 'other', 'long', 'other']);
  expect(order).toHaveLength(23);
});

test('who is let in and reads nothing lets the others in', async () => {
  const time = new ReadingTime();
  time.of(readLong);
  const idle = [time.left(), time.left(), time.left()];
  await Promise.all(idle);
  expect(time.over).toBe(false);
});

test('what is short is read in one turn', async () => {
  const time = new ReadingTime();
  time.of(readLong);
  let turns = 0;
  const count = setInterval(() => (turns += 1), 0);
  let read = 0;
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      await time.left();
      time.of(() => (read += 1));
    }),
  );
  clearInterval(count);
  expect(read).toBe(100);
  expect(turns).toBeLessThan(50);
});
