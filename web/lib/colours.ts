/** Colours of the style sheet for what is drawn: light and dark are the same code. */

export type CellColour = 'idle' | 'busy' | 'full' | 'lost' | 'gone' | 'flash' | 'ink';

/** `--cell-NAME` as it is where the canvas stands. */
export function colourOf(canvas: HTMLCanvasElement, name: CellColour): string {
  canvas.style.color = `var(--cell-${name})`;
  const { color } = getComputedStyle(canvas);
  canvas.style.color = '';
  return color;
}
