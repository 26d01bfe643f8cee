/** The columns of a chart of a period, and what stands under them. */

/** Charts have about so many columns at most. */
const MOST_COLUMNS = 62;

/** A column of a chart: so many characters of a time name it. */
export interface Unit {
  readonly length: 4 | 7 | 10 | 13;
  readonly after: (time: Date) => void;
}

const HOUR: Unit = { length: 13, after: (time) => time.setUTCHours(time.getUTCHours() + 1, 0, 0, 0) };
export const DAY: Unit = { length: 10, after: (time) => time.setUTCHours(24, 0, 0, 0) };
const MONTH: Unit = { length: 7, after: (time) => time.setUTCMonth(time.getUTCMonth() + 1, 1) };
const YEAR: Unit = { length: 4, after: (time) => time.setUTCFullYear(time.getUTCFullYear() + 1, 0, 1) };
const HOUR_MS = 3_600_000;

/** The smallest unit of which there are not too many in the period. */
function unitOf(from: string, to: string): Unit {
  const hours = (Date.parse(to) - Date.parse(from)) / HOUR_MS;
  if (hours <= MOST_COLUMNS) return HOUR;
  if (hours <= MOST_COLUMNS * 24) return DAY;
  return hours <= MOST_COLUMNS * 24 * 28 ? MONTH : YEAR;
}

/** The columns of a period, without gaps. */
export function labelsOf(from: string, to: string, { length, after }: Unit): string[] {
  const labels: string[] = [];
  for (const [time, end] = [new Date(from), Date.parse(to)]; time.getTime() < end;) {
    labels.push(time.toISOString().slice(0, length));
    after(time);
    if (length < 13) time.setUTCHours(0, 0, 0, 0);
  }
  return labels;
}

/** What is counted in each column of a chart of a period. */
export class Columns<C> {
  private readonly counted = new Map<string, C>();
  private readonly unit: Unit;

  /**
   * @param from the first time of the period, and `to` the first one after it
   * @param none the counts of a column in which nothing was counted
   */
  constructor(
    private readonly from: string,
    private readonly to: string,
    private readonly none: () => C,
  ) {
    this.unit = unitOf(from, to);
  }

  /** The counts of the column in which this time of the period falls, to be added to. */
  at(time: string): C {
    const label = time.slice(0, this.unit.length);
    const counts = this.counted.get(label) ?? this.none();
    this.counted.set(label, counts);
    return counts;
  }

  /** Without gaps; of more years than a chart has room for, from the first to the last in which any were counted. */
  get all(): { readonly label: string; readonly counts: C }[] {
    const all = labelsOf(this.from, this.to, this.unit).map((label) => ({ label, counts: this.counted.get(label) }));
    const isCut = this.unit === YEAR && all.length > MOST_COLUMNS;
    const isFilled = ({ counts }: { counts?: C }) => counts !== undefined;
    const shown = isCut ? all.slice(all.findIndex(isFilled), all.findLastIndex(isFilled) + 1) : all;
    return shown.map(({ label, counts = this.none() }) => ({ label, counts }));
  }
}
