/**
 * The grid of agents on a canvas: 12,000 cells are drawn in a few milliseconds, where as many elements would take
 * seconds. Only cells that change are drawn again: an agent that leaves a receipt lights up, and fades.
 */
import { useEffect, useRef } from 'preact/hooks';
import type { AgentSummary } from '../lib/all-agents';
import { onCommits } from '../lib/live';
import { categoryOf, idOf } from '../lib/streams';
import { texts } from '../texts';
import type { Group } from './agents';
import { Painter } from './painter';

interface Props {
  readonly groups: readonly Group[];
  readonly onSelect: (agent: AgentSummary) => void;
  readonly onOpen: (agent: AgentSummary) => void;
}

const MOVES: Readonly<Record<string, readonly [by: number, rows: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function AgentsGrid({ groups, onSelect, onOpen }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | undefined>(undefined);

  useEffect(() => {
    const drawn = new Painter(canvas.current as HTMLCanvasElement);
    painter.current = drawn;
    const sizes = new ResizeObserver(() => drawn.layOut());
    sizes.observe((canvas.current as HTMLCanvasElement).parentElement as HTMLElement);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const recolour = () => drawn.layOut();
    scheme.addEventListener('change', recolour);
    const chosen = new MutationObserver(recolour);
    chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const leave = onCommits((commits) => {
      for (const { stream, meta } of commits)
        drawn.flash(categoryOf(stream) === 'agent' ? idOf(stream) : meta.actor.kind === 'agent' ? meta.actor.id : '');
    });
    return () => {
      leave();
      sizes.disconnect();
      chosen.disconnect();
      scheme.removeEventListener('change', recolour);
      drawn.end();
    };
  }, []);
  useEffect(() => painter.current?.show(groups), [groups]);

  const select = (agent: AgentSummary | undefined) => {
    if (agent !== undefined) onSelect(agent);
  };
  return (
    <div class="grid-holder">
      <canvas
        ref={canvas}
        class="agents-grid"
        tabIndex={0}
        role="application"
        aria-label={texts.agents.grid}
        onPointerMove={({ offsetX, offsetY }) => select(painter.current?.selectAt(offsetX, offsetY))}
        onClick={({ offsetX, offsetY }) => {
          const agent = painter.current?.selectAt(offsetX, offsetY);
          if (agent !== undefined) onOpen(agent);
        }}
        onKeyDown={(event) => {
          const move = MOVES[event.key];
          const agent = move === undefined ? painter.current?.selected : painter.current?.move(...move);
          if (event.key === 'Enter' && agent !== undefined) onOpen(agent);
          if (move === undefined) return;
          event.preventDefault();
          select(agent);
        }}
      />
    </div>
  );
}
