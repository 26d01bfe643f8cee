/** Draws the cells of agents, and remembers which is selected and which light up. */
import type { AgentSummary } from '../lib/all-agents';
import { type CellColour, colourOf } from '../lib/colours';
import type { Group } from './agents';
import { type Cell, CELL_KINDS, type Layout, layOut } from './cells';

/** How long a cell stays lit, in milliseconds. */
const FLASH_MS = 900;

type Colours = Readonly<Record<CellColour, string>>;

export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #groups: readonly Group[] = [];
  #layout: Layout = { cells: [], titles: [], size: 0, pitch: 1, columns: 1, height: 0 };
  #places = new Map<string, number>();
  #colours: Colours | undefined;
  /** Cells that are lit, by their number: since when. */
  readonly #lit = new Map<number, number>();
  #selected = -1;
  #frame = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  get selected(): AgentSummary | undefined {
    return this.#layout.cells[this.#selected]?.agent;
  }

  show(groups: readonly Group[]): void {
    this.#groups = groups;
    this.layOut();
  }

  /** Anew: the place, the colours or the agents have changed. */
  layOut(): void {
    const width = this.#canvas.parentElement?.clientWidth ?? 0;
    if (width === 0) return;
    const before = this.selected?.id;
    this.#layout = layOut(this.#groups, width);
    this.#places = new Map(this.#layout.cells.map(({ agent }, i) => [agent.id, i]));
    this.#selected = this.#places.get(before ?? '') ?? -1;
    this.#lit.clear();
    this.#colours = coloursOf(this.#canvas);
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = this.#layout.height * scale;
    this.#canvas.style.height = `${this.#layout.height}px`;
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#drawAll(width);
  }

  /** An agent has left a receipt. */
  flash(id: string): void {
    const at = this.#places.get(id);
    if (at === undefined) return;
    this.#lit.set(at, performance.now());
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#fade());
  }

  /** The agent at a place of the canvas, in CSS pixels, which is selected. */
  selectAt(x: number, y: number): AgentSummary | undefined {
    const { cells, pitch } = this.#layout;
    const at = cells.findIndex((cell) => x >= cell.x && x < cell.x + pitch && y >= cell.y && y < cell.y + pitch);
    return at < 0 ? undefined : this.#select(at);
  }

  /** The agent so many cells, or rows, further, which is selected. */
  move(by: number, rows: number): AgentSummary | undefined {
    const { cells, columns } = this.#layout;
    const to = this.#selected < 0 ? 0 : this.#selected + by + rows * columns;
    return this.#select(Math.min(cells.length - 1, Math.max(0, to)));
  }

  end(): void {
    cancelAnimationFrame(this.#frame);
  }

  #select(at: number): AgentSummary | undefined {
    const before = this.#layout.cells[this.#selected];
    this.#selected = at;
    if (before !== undefined) this.#draw(before, 0);
    const cell = this.#layout.cells[at];
    if (cell !== undefined) this.#draw(cell, 0);
    return cell?.agent;
  }

  #drawAll(width: number): void {
    const { cells, titles, height } = this.#layout;
    const colours = this.#colours as Colours;
    this.#context.clearRect(0, 0, width, height);
    this.#context.fillStyle = colours.ink;
    this.#context.font = '600 12px system-ui, sans-serif';
    for (const { text, y } of titles) this.#context.fillText(text, 0, y, width);
    // One colour at a time: to change it costs more than to fill a cell.
    for (const kind of CELL_KINDS) {
      this.#context.fillStyle = this.#context.strokeStyle = colours[kind];
      for (const cell of cells) if (cell.kind === kind) this.#shape(cell);
    }
    const chosen = cells[this.#selected];
    if (chosen !== undefined) this.#draw(chosen, 0);
  }

  /** @param light 0 to 1 */
  #draw(cell: Cell, light: number): void {
    const { size, pitch } = this.#layout;
    const colours = this.#colours as Colours;
    const context = this.#context;
    context.clearRect(cell.x, cell.y, pitch, pitch);
    context.fillStyle = context.strokeStyle = colours[cell.kind];
    this.#shape(cell);
    if (light > 0) {
      context.globalAlpha = light;
      context.fillStyle = colours.flash;
      context.fillRect(cell.x, cell.y, size, size);
      context.globalAlpha = 1;
    }
    if (cell !== this.#layout.cells[this.#selected]) return;
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.strokeRect(cell.x + 1, cell.y + 1, size - 2, size - 2);
  }

  /** Told apart without colour: who is lost is a frame, who is gone a dot. */
  #shape({ kind, x, y }: Cell): void {
    const { size } = this.#layout;
    const context = this.#context;
    if (kind === 'lost') {
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, size - 2, size - 2);
    } else if (kind === 'gone') context.fillRect(x + size / 2 - 1, y + size / 2 - 1, 2, 2);
    else context.fillRect(x, y, size, size);
  }

  #fade(): void {
    const now = performance.now();
    for (const [at, since] of this.#lit) {
      const light = 1 - (now - since) / FLASH_MS;
      const cell = this.#layout.cells[at];
      if (light <= 0) this.#lit.delete(at);
      if (cell !== undefined) this.#draw(cell, Math.max(0, light));
    }
    this.#frame = this.#lit.size === 0 ? 0 : requestAnimationFrame(() => this.#fade());
  }
}

function coloursOf(canvas: HTMLCanvasElement): Colours {
  const names = [...CELL_KINDS, 'flash', 'ink'] as const;
  return Object.fromEntries(names.map((name) => [name, colourOf(canvas, name)])) as Colours;
}
