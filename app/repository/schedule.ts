/** When an agent that was deployed is to be awake. */
import { Cron } from 'croner';

/** Whether the time of a cron expression comes: it is well-formed, and no 30 February. */
export function everComes(cron: string): boolean {
  try {
    return new Cron(cron, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}
