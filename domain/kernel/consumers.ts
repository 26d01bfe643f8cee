/** Who parks what it can't handle: the consumers of the feed, and the intake of signals. */
export const CONSUMERS = [
  'views',
  'reactions',
  'balance',
  'jobs',
  'notices',
  'decisions',
  'erasures',
  'publisher',
  'signals',
] as const;
export type ConsumerName = (typeof CONSUMERS)[number];
