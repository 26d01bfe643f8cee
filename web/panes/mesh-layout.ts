/**
 * Where everybody stands: each pool a disk of its agents (as seeds stand in a sunflower), the pools around the middle,
 * in the middle those who ask. Nothing moves by itself, so nothing has to be computed again while work goes on.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface MeshLayout {
  readonly agents: ReadonlyMap<string, Point>;
  readonly titles: readonly { readonly text: string; readonly at: Point }[];
  readonly middle: Point;
  /** Of the ring on which those stand who ask, and of an agent's dot. CSS pixels. */
  readonly ring: number;
  readonly dot: number;
}

/** Radians from one seed to the next. */
const GOLDEN = Math.PI * (3 - Math.sqrt(5));
/** Of the middle, in distances of neighbours. */
const MIDDLE = 7;
const GAP = 3;
/** For titles, in CSS pixels. */
const MARGIN = 22;
const LARGEST_STEP = 13;
/** Pools whose names are drawn: of more, the largest. */
const MOST_TITLES = 60;

/** @param pools agent → pool */
export function meshLayout(pools: ReadonlyMap<string, string>, width: number, height: number): MeshLayout {
  const members = [...Map.groupBy(pools.keys(), (agent) => pools.get(agent) as string)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const disks = members.map(([pool, agents]) => ({ pool, agents, radius: Math.sqrt(agents.length) + GAP }));
  const around = disks.reduce((sum, { radius }) => sum + 2 * radius, 0);
  const largest = Math.max(...disks.map(({ radius }) => radius));
  const orbit = Math.max(around / (2 * Math.PI), largest + MIDDLE);
  const room = Math.min(width, height) / 2 - MARGIN;
  const step = Math.min(LARGEST_STEP, room / (orbit + largest));
  const middle = { x: width / 2, y: height / 2 };
  const named = new Set([...disks].sort((a, b) => b.radius - a.radius).slice(0, MOST_TITLES));
  const agents = new Map<string, Point>();
  const titles: { text: string; at: Point }[] = [];
  let angle = -Math.PI / 2;
  for (const disk of disks) {
    const { pool, agents: of, radius } = disk;
    const share = (2 * Math.PI * radius) / around;
    angle += share;
    const [x, y] = [middle.x + Math.cos(angle) * orbit * step, middle.y + Math.sin(angle) * orbit * step];
    angle += share;
    of.forEach((agent, i) => {
      const distance = Math.sqrt(i + 0.5) * step;
      agents.set(agent, { x: x + Math.cos(i * GOLDEN) * distance, y: y + Math.sin(i * GOLDEN) * distance });
    });
    if (named.has(disk))
      titles.push({ text: `${pool} · ${of.length.toLocaleString('en')}`, at: { x, y: y - (radius - 1) * step - 4 } });
  }
  return { agents, titles, middle, ring: MIDDLE * 0.6 * step, dot: Math.max(1.2, Math.min(4.5, step * 0.62)) };
}
