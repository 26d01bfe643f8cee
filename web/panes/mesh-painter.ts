/** Draws the mesh: everybody once, and then, frame by frame, only the awards that are on their way. */
import { colourOf } from '../lib/colours';
import type { Award } from './mesh';
import { type MeshLayout, meshLayout, type Point } from './mesh-layout';

/** How long an award is seen, in milliseconds; the first half it travels. */
const SEEN_MS = 1_600;
/** As many lines are drawn at once; of more only the newest. */
const MOST_LINES = 400;
const MOST_REQUESTERS = 60;
const HEIGHT = 640;

interface Line {
  readonly from: Point;
  readonly to: Point;
  readonly since: number;
}

export class MeshPainter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  /** Everybody, drawn once. */
  readonly #still = document.createElement('canvas');
  #pools: ReadonlyMap<string, string> = new Map();
  #layout: MeshLayout | undefined;
  readonly #requesters: string[] = [];
  #lines: Line[] = [];
  #frame = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  /** @param pools agent → pool */
  show(pools: ReadonlyMap<string, string>): void {
    this.#pools = pools;
    this.layOut();
  }

  /** Anew: the size, or the agents, have changed. */
  layOut(): void {
    const width = this.#canvas.parentElement?.clientWidth ?? 0;
    if (width === 0 || this.#pools.size === 0) return;
    const height = Math.min(HEIGHT, width);
    this.#layout = meshLayout(this.#pools, width, height);
    this.#lines = [];
    for (const canvas of [this.#canvas, this.#still]) {
      canvas.width = width * devicePixelRatio;
      canvas.height = height * devicePixelRatio;
    }
    this.#canvas.style.height = `${height}px`;
    this.#drawStill();
    this.#draw();
  }

  pulse({ requester, agent }: Award): void {
    const to = this.#layout?.agents.get(agent);
    if (to === undefined) return;
    this.#lines.push({ from: this.#placeOf(requester), to, since: performance.now() });
    if (this.#lines.length > MOST_LINES) this.#lines = this.#lines.slice(-MOST_LINES);
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  end(): void {
    cancelAnimationFrame(this.#frame);
  }

  /** On the ring in the middle, in the order in which they were heard of. */
  #placeOf(requester: string): Point {
    const { middle, ring } = this.#layout as MeshLayout;
    let at = this.#requesters.indexOf(requester);
    if (at < 0) {
      if (this.#requesters.length >= MOST_REQUESTERS) return middle;
      at = this.#requesters.push(requester) - 1;
      this.#drawStill();
    }
    return onRing(middle, ring, at);
  }

  #drawStill(): void {
    const { agents, titles, middle, ring, dot } = this.#layout as MeshLayout;
    const context = this.#still.getContext('2d') as CanvasRenderingContext2D;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.#still.width, this.#still.height);
    context.fillStyle = colourOf(this.#canvas, 'busy');
    for (const { x, y } of agents.values()) context.fillRect(x - dot / 2, y - dot / 2, dot, dot);
    context.fillStyle = colourOf(this.#canvas, 'ink');
    context.font = '600 12px system-ui, sans-serif';
    context.textAlign = 'center';
    for (const { text, at } of titles) context.fillText(text, at.x, at.y, 180);
    context.fillStyle = colourOf(this.#canvas, 'flash');
    this.#requesters.forEach((_, i) => {
      const { x, y } = onRing(middle, ring, i);
      context.beginPath();
      context.arc(x, y, 4, 0, 2 * Math.PI);
      context.fill();
    });
  }

  #draw(): void {
    const context = this.#context;
    const now = performance.now();
    this.#lines = this.#lines.filter(({ since }) => now - since < SEEN_MS);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.drawImage(this.#still, 0, 0);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.strokeStyle = context.fillStyle = colourOf(this.#canvas, 'flash');
    for (const line of this.#lines) this.#drawLine(line, (now - line.since) / SEEN_MS);
    context.globalAlpha = 1;
    this.#frame = this.#lines.length === 0 ? 0 : requestAnimationFrame(() => this.#draw());
  }

  /** @param age 0 to 1 */
  #drawLine({ from, to }: Line, age: number): void {
    const context = this.#context;
    const way = Math.min(1, age * 2);
    const eased = 1 - (1 - way) ** 3;
    const [x, y] = [from.x + (to.x - from.x) * eased, from.y + (to.y - from.y) * eased];
    context.globalAlpha = age < 0.5 ? 0.55 : 0.55 * (2 - 2 * age);
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(x, y);
    context.stroke();
    context.globalAlpha = Math.min(1, 2 - 2 * age);
    context.beginPath();
    context.arc(x, y, 3.2, 0, 2 * Math.PI);
    context.fill();
  }
}

function onRing(middle: Point, ring: number, at: number): Point {
  const angle = at * Math.PI * (3 - Math.sqrt(5));
  const distance = at === 0 ? 0 : ring;
  return { x: middle.x + Math.cos(angle) * distance, y: middle.y + Math.sin(angle) * distance };
}
