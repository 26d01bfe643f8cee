/** What tasks and agents can be. */

/** Of a task that was posted. */
export const TASK_STATUSES = [
  'held',
  'open',
  'awarded',
  'running',
  'completed',
  'cancelled',
  'expired',
  'dead',
] as const;

/** What becomes of an agent that was registered. */
export const AGENT_STATUSES = ['active', 'lost', 'gone'] as const;
