/** Audit entries as a table for spreadsheets (RFC 4180), in which no text is a formula, whatever agents wrote. */
import type { AuditEntry } from '../../domain/audit/audit-entry';
import { visible } from '../../domain/kernel/text';

type Cell = string | number | null;

const COLUMNS: Readonly<Record<string, (entry: AuditEntry, leaf: number | null) => Cell>> = {
  timestamp: ({ timestamp }) => timestamp,
  receipt: ({ receipt }) => receipt,
  hash: ({ hash }) => hash,
  actor_kind: ({ actor_kind }) => actor_kind,
  agent_id: ({ agent_id }) => agent_id,
  user: ({ user }) => user,
  action: ({ action }) => action,
  resource: ({ resource }) => resource,
  level: ({ permissions }) => permissions?.level ?? null,
  groups: ({ permissions }) => permissions?.groups.join(' ') ?? null,
  decision: ({ policy }) => policy.decision,
  rule: ({ policy }) => policy.rule,
  bundle: ({ policy }) => policy.bundle,
  approval: ({ policy }) => policy.approval,
  status: ({ status }) => status,
  error: ({ error }) => error,
  duration_ms: ({ duration_ms }) => duration_ms,
  input_sha256: ({ input }) => input?.sha256 ?? null,
  input_bytes: ({ input }) => input?.bytes ?? null,
  output_sha256: ({ output }) => output?.sha256 ?? null,
  output_bytes: ({ output }) => output?.bytes ?? null,
  events: ({ events }) => events.join(' '),
  correlation_id: ({ correlation_id }) => correlation_id,
  causation_id: ({ causation_id }) => causation_id,
  log_leaf: (_, leaf) => leaf,
};

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

function row(cells: readonly Cell[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** The first line; the mark before it tells spreadsheets that the file is UTF-8. */
export function csvHead(): string {
  return `\uFEFF${row(Object.keys(COLUMNS))}`;
}

export function csvRow(entry: AuditEntry, leaf: number | null): string {
  return row(Object.values(COLUMNS).map((column) => column(entry, leaf)));
}
