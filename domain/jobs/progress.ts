/**
 * How far each task of a job has come: a letter a task, by its place in the plan. The letters stand in pieces, so that
 * a job of ten thousand tasks is not copied whole with each of them.
 */

/** What the job knows of a task; what happens to a task that was posted stands in the task's own stream. */
export const LETTERS = {
  waiting: '.',
  /** The compensation, while nothing is to be made good. */
  reserved: 'r',
  completed: 'c',
  cancelled: 'x',
  expired: 'e',
  dead: 'd',
  skipped: 's',
} as const;
export type Known = keyof typeof LETTERS;
const MEANINGS = new Map(Object.entries(LETTERS).map(([known, letter]) => [letter as string, known as Known]));

export type Progress = readonly string[];

const PIECE = 128;

/** Of a job with so many tasks, none of which has begun. */
export function blank(count: number): Progress {
  const pieces: string[] = [];
  for (let left = count; left > 0; left -= PIECE) pieces.push(LETTERS.waiting.repeat(Math.min(PIECE, left)));
  return pieces;
}

/** What is known of the task at a place. Throws when there is none. */
export function knownOf(progress: Progress, place: number): Known {
  const known = MEANINGS.get(progress[Math.floor(place / PIECE)]?.[place % PIECE] ?? '');
  if (known === undefined) throw new RangeError(`the job has no task at place ${place}`);
  return known;
}

/** The same with this known of the tasks at these places. */
export function withKnown(progress: Progress, places: readonly number[], known: Known): Progress {
  const pieces = [...progress];
  const changed = new Map<number, string[]>();
  for (const place of places) {
    const piece = Math.floor(place / PIECE);
    const letters = changed.get(piece) ?? [...(pieces[piece] as string)];
    letters[place % PIECE] = LETTERS[known];
    changed.set(piece, letters);
  }
  for (const [piece, letters] of changed) pieces[piece] = letters.join('');
  return pieces;
}
