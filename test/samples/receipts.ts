/** Receipts made by hand, as the demo reads them. */

export const START = Date.parse('2026-11-21T10:00:00.000Z');
export const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();
