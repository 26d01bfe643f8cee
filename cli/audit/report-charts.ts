/** Charts of a report, as SVG within its page: shapes with classes, and texts. */
import { grouped } from '../../domain/kernel/text';
import { type Markup, markup } from './markup';

const WIDTH = 720;
const HEIGHT = 160;
const TOP = 14;
const BOTTOM = 22;
/** Labels stand under about so many columns. */
const LABELS = 8;

/** A class of shapes, and what it is called. */
type Series<K extends string> = readonly (readonly [of: K, name: string])[];

interface Column<K extends string> {
  readonly label: string;
  readonly counts: Readonly<Record<K, number>>;
}

/** Counts over time: a column for each hour, day, month or year, its parts by series from the bottom up. */
export function columnChart<K extends string>(title: string, series: Series<K>, columns: readonly Column<K>[]): Markup {
  const total = ({ counts }: Column<K>) => series.reduce((sum, [of]) => sum + counts[of], 0);
  const most = Math.max(1, ...columns.map(total));
  const step = WIDTH / Math.max(1, columns.length);
  const width = Math.max(1, step * 0.8);
  const scale = HEIGHT / most;
  const every = Math.ceil(columns.length / LABELS);
  const shapes = columns.map((column, i) => {
    const left = i * step + (step - width) / 2;
    let top = TOP + HEIGHT;
    const parts = series.map(([of, name]) => {
      const count = column.counts[of];
      const height = count * scale;
      top -= height;
      return count === 0
        ? ''
        : markup`<rect class="${of}" x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}"><title>${column.label}: ${grouped(count)} ${name}</title></rect>`;
    });
    const label =
      i % every === 0
        ? markup`<text x="${round(i * step)}" y="${TOP + HEIGHT + 16}">${labelOf(column.label)}</text>`
        : '';
    return [...parts, label];
  });
  const key = series.map(
    ([of, name]) =>
      markup`<span><svg viewBox="0 0 10 10"><rect class="${of}" width="10" height="10"/></svg>${name}</span>`,
  );
  return markup`<p class="key soft">${key}</p><svg viewBox="0 0 ${WIDTH} ${TOP + HEIGHT + BOTTOM}" role="img" aria-label="${title}"><line x1="0" x2="${WIDTH}" y1="${TOP + HEIGHT}" y2="${TOP + HEIGHT}"/><text x="0" y="${TOP - 3}">${grouped(most)}</text>${shapes}</svg>`;
}

const ROW = 22;
const NAMES = 300;
const NUMBERS = 120;
const MOST_NAME = 44;

/** Amounts by name, as bars; `said` is how one is written. */
export function barChart(
  label: string,
  rows: readonly (readonly [name: string, amount: number])[],
  said: (amount: number) => string = grouped,
): Markup {
  const most = Math.max(1, ...rows.map(([, amount]) => amount));
  const shapes = rows.map(([name, amount], i) => {
    const width = Math.max(1, (amount / most) * (WIDTH - NAMES - NUMBERS));
    const short = name.length > MOST_NAME ? `${name.slice(0, MOST_NAME - 1)}…` : name;
    return markup`<text x="0" y="${i * ROW + 15}">${short}<title>${name}</title></text><rect class="bar" x="${NAMES}" y="${i * ROW + 4}" width="${round(width)}" height="14"/><text x="${round(NAMES + width + 6)}" y="${i * ROW + 15}">${said(amount)}</text>`;
  });
  return markup`<svg viewBox="0 0 ${WIDTH} ${Math.max(1, rows.length) * ROW}" role="img" aria-label="${label}">${shapes}</svg>`;
}

/** An hour is written as one. */
function labelOf(label: string): string {
  return label.length === 13 ? `${label.slice(5, 10)} ${label.slice(11)}h` : label;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
