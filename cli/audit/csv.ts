/** Tables for spreadsheets (RFC 4180), in which no text is a formula, whatever agents wrote. */
import { visible } from '../../domain/kernel/text';

export type Cell = string | number | null;

/** What a spreadsheet begins a formula with, also in its full-width forms. */
const FORMULA = '=+\\-@＝＋－＠';
/**
 * Before such a character at the beginning of a cell; and where a cell would begin in a program that parts them by
 * another character, or takes quotes and spaces away first.
 */
const BEGINS_FORMULA = new RegExp(`(^|[,;|\\t])([\\s"'\`]*)(?=[${FORMULA}])`, 'g');

/**
 * A text as a cell that every spreadsheet shows as it is: an apostrophe stands before what it would compute, and what
 * would act, line ends too, stands as its escape.
 */
export function cellText(text: string): string {
  return visible(text).replaceAll('\n', '\\n').replaceAll(BEGINS_FORMULA, "$1'$2");
}

function cell(value: Cell): string {
  if (value === null) return '';
  return typeof value === 'number' ? String(value) : `"${cellText(value).replaceAll('"', '""')}"`;
}

/** A line of a table. */
export function tableRow(cells: readonly Cell[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** The first line; the mark before it tells spreadsheets that the file is UTF-8. */
export function tableHead(names: readonly string[]): string {
  return `\uFEFF${tableRow(names)}`;
}
