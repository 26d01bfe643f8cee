/** How the agents stand on the canvas: groups in columns of equal cells, read from the top left. */
import type { AgentSummary } from '../lib/all-agents';
import type { Group } from './agents';

export const CELL_KINDS = ['idle', 'busy', 'full', 'lost', 'gone'] as const;
export type CellKind = (typeof CELL_KINDS)[number];

export interface Cell {
  readonly agent: AgentSummary;
  readonly kind: CellKind;
  /** In CSS pixels, of its top left corner. */
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly cells: readonly Cell[];
  readonly titles: readonly { readonly text: string; readonly y: number }[];
  /** CSS pixels of a cell, and from one to the next. */
  readonly size: number;
  readonly pitch: number;
  readonly columns: number;
  readonly height: number;
}

const TITLE = 22;
const GAP = 10;
/** From few agents to many. CSS pixels from one cell to the next. */
const PITCHES = [
  [200, 22],
  [1_000, 16],
  [4_000, 11],
  [Infinity, 8],
] as const;

export function kindOf({ status, slots, capacity }: AgentSummary): CellKind {
  if (status !== 'active') return status;
  return slots === 0 ? 'idle' : slots < capacity ? 'busy' : 'full';
}

export function layOut(groups: readonly Group[], width: number): Layout {
  const count = groups.reduce((sum, { agents }) => sum + agents.length, 0);
  const pitch = PITCHES.find(([most]) => count <= most)?.[1] ?? 8;
  const columns = Math.max(1, Math.floor(width / pitch));
  const cells: Cell[] = [];
  const titles: { text: string; y: number }[] = [];
  let y = 0;
  for (const { name, agents } of groups) {
    titles.push({ text: `${name} · ${agents.length.toLocaleString('en')}`, y: y + TITLE - 7 });
    y += TITLE;
    agents.forEach((agent, i) =>
      cells.push({ agent, kind: kindOf(agent), x: (i % columns) * pitch, y: y + Math.floor(i / columns) * pitch }),
    );
    y += Math.ceil(agents.length / columns) * pitch + GAP;
  }
  return { cells, titles, size: pitch - (pitch > 10 ? 3 : 1), pitch, columns, height: y };
}
