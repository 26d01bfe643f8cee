/** When what waits is looked at again, though nothing has happened to it. */
import { secondsBetween, type Time } from '../../domain/kernel/time';

/** When what could not be posted or cancelled is asked for again, in seconds. */
export const AGAIN_SECONDS = 10;
/**
 * How often what has not ended is looked at, in seconds: what was given up after an outage is found late rather than
 * never. What goes on for long, as it waits for people, after a quarter of its age, and once a day.
 */
export const STANDING_SECONDS = 600;
const STANDING_SHARE = 1 / 4;
const MOST_STANDING_SECONDS = 86_400;

/** See `STANDING_SECONDS`; `least` where nothing tells it that it may go on. */
export function standingSeconds(posted: Time | undefined, now: Time, least = STANDING_SECONDS): number {
  const age = posted === undefined ? 0 : secondsBetween(posted, now);
  return Math.min(MOST_STANDING_SECONDS, Math.max(least, Math.floor(age * STANDING_SHARE)));
}
