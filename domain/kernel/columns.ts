/** What stands under the columns of a chart of a period. */

/** Charts have about so many columns at most. */
export const MOST_COLUMNS = 62;

/** A column of a chart: so many characters of a time name it. */
export interface Unit {
  readonly length: 4 | 7 | 10 | 13;
  readonly after: (time: Date) => void;
}

const HOUR: Unit = { length: 13, after: (time) => time.setUTCHours(time.getUTCHours() + 1, 0, 0, 0) };
export const DAY: Unit = { length: 10, after: (time) => time.setUTCHours(24, 0, 0, 0) };
const MONTH: Unit = { length: 7, after: (time) => time.setUTCMonth(time.getUTCMonth() + 1, 1) };
export const YEAR: Unit = { length: 4, after: (time) => time.setUTCFullYear(time.getUTCFullYear() + 1, 0, 1) };
const HOUR_MS = 3_600_000;

/** The smallest unit of which there are not too many in the period. */
export function unitOf(from: string, to: string): Unit {
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
