/** A sign for each part of the window, beside its name. */
import type { Pane } from '../lib/route';

const PATHS: Readonly<Record<Pane, string>> = {
  now: 'M2 13h4l3-8 5 14 3-8h5',
  tasks: 'M4 6h3M4 12h3M4 18h3M10 6h10M10 12h10M10 18h10',
  decisions: 'M12 3v18M5 7h14M5 7l-3 7h6ZM19 7l-3 7h6Z',
  agents: 'M4 4h5v5H4ZM15 4h5v5h-5ZM4 15h5v5H4ZM15 15h5v5h-5Z',
  activity: 'M4 4h4v4H4ZM10 4h4v4h-4ZM16 10h4v4h-4ZM10 10h4v4h-4ZM4 16h4v4H4ZM16 16h4v4h-4Z',
  field: 'M3 20c4 0 4-14 8-14s4 10 10 12M3 20h18',
  mesh: 'M7 6a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM21 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM13 19a2 2 0 1 1-4 0 2 2 0 0 1 4 0ZM7 6.3l10 1.4M6 8l4 9M18 9.7l-6 7.6',
  governance: 'M12 2l8 3v7c0 5-3.5 8-8 10-4.5-2-8-5-8-10V5Z',
  receipts: 'M6 2v20l3-2 3 2 3-2 3 2V2ZM9 8h6M9 12h6',
};

export function Icon({ of }: { readonly of: Pane }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[of]} />
    </svg>
  );
}
