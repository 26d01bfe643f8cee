/** Audit entries as a table for spreadsheets. */
import type { AuditEntry } from '../../domain/audit/audit-entry';
import { type Cell, tableHead, tableRow } from './csv';

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

/** The first line. */
export function csvHead(): string {
  return tableHead(Object.keys(COLUMNS));
}

export function csvRow(entry: AuditEntry, leaf: number | null): string {
  return tableRow(Object.values(COLUMNS).map((column) => column(entry, leaf)));
}
