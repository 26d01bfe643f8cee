/** What actions and rounds can be, and how much they change. */

/** How much an action changes, least first. */
export const IMPACTS = ['low', 'medium', 'high', 'critical'] as const;

/** What an action can be once it was proposed. */
export const ACTION_STATUSES = [
  'proposed',
  'held',
  'returned',
  'veto_window',
  'cleared',
  'executed',
  'refused',
  'vetoed',
] as const;

/** What a round can be once it was opened. */
export const ROUND_STATUSES = ['open', 'closed', 'cancelled'] as const;
