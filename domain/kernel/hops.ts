/**
 * How many colonies a message of A2A has passed. Each that hands one on counts, so that colonies which work for each
 * other do not send it round for ever.
 */

/** Where that stands in the metadata of the message. */
export const HOPS_KEY = 'dev.formicary/hops';

/** So many at most, of a message that is taken. */
export const MAX_HOPS = 3;
