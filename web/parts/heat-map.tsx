/** What was where and when: a row for each place, a column for each span of time, darker where there was more. */
import type { ComponentChildren } from 'preact';
import { clockTime } from '../lib/time';
import { texts } from '../texts';

export interface HeatRow {
  readonly key: string;
  readonly name: ComponentChildren;
  /** All of it in words: who does not see the cells hears this. */
  readonly summary: string;
  /** 0 to 1, of each column; undefined where nothing is known. */
  readonly values: readonly (number | undefined)[];
}

interface Props {
  readonly rows: readonly HeatRow[];
  /** When each column begins, in milliseconds since the epoch. */
  readonly columns: readonly number[];
  readonly wordOf: (value: number) => string;
  /** Column in which now is, where there are later ones. */
  readonly now?: number;
}

/** Shades that are told apart; none is without any. */
const SHADES = 5;
/** As many columns as there are can be parted by it. */
const MARKS = 6;

export function HeatMap({ rows, columns, wordOf, now }: Props) {
  const every = Math.ceil(columns.length / MARKS);
  return (
    <div class="heat">
      <ul>
        {rows.map(({ key, name, summary, values }) => (
          <li key={key} class="heat-row">
            <span class="heat-name">{name}</span>
            <svg
              class="heat-cells"
              viewBox={`0 0 ${columns.length} 1`}
              preserveAspectRatio="none"
              role="img"
              aria-label={summary}
            >
              {columns.map((at, i) => {
                const value = values[i];
                return (
                  <rect key={at} x={i + 0.04} width={0.92} height={1} data-shade={shadeOf(value)}>
                    <title>{`${minutes(at)}: ${value === undefined ? texts.heat.unknown : wordOf(value)}`}</title>
                  </rect>
                );
              })}
              {now !== undefined && <line x1={now} x2={now} y2={1} />}
            </svg>
          </li>
        ))}
      </ul>
      <p class="heat-times soft" aria-hidden="true">
        {columns
          .filter((_, i) => i % every === 0)
          .map((at) => (
            <span key={at}>{minutes(at)}</span>
          ))}
      </p>
      <p class="legend">
        <span>
          <svg class="shade" viewBox="0 0 1 1" aria-hidden="true">
            <rect width={1} height={1} data-shade="unknown" />
          </svg>{' '}
          {texts.heat.unknown}
        </span>
        {Array.from({ length: SHADES + 1 }, (_, shade) => (
          <span key={shade}>
            <svg class="shade" viewBox="0 0 1 1" aria-hidden="true">
              <rect width={1} height={1} data-shade={shade} />
            </svg>{' '}
            {shade === 0 ? wordOf(0) : texts.heat.from(wordOf(Math.max(0.01, (shade - 1) / SHADES)))}
          </span>
        ))}
      </p>
    </div>
  );
}

function shadeOf(value: number | undefined): number | 'unknown' {
  if (value === undefined) return 'unknown';
  return value <= 0 ? 0 : Math.min(SHADES, Math.floor(value * SHADES) + 1);
}

/** `14:05`. */
function minutes(at: number): string {
  return clockTime(at).slice(0, 5);
}
