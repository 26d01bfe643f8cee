/** Bad weather over Cosmos DB. */
import type { FaultPlan } from '../servers/cosmos/server';

/**
 * 1 % of the answers to writes are lost; of all requests 5 % are throttled, and 1 % refused for another passing reason.
 */
export function weather(random: () => number): FaultPlan {
  return (kind) => {
    if (kind === 'metadata') return undefined;
    if ((kind === 'batch' || kind === 'write') && random() < 0.01) return 'lost';
    const drawn = random();
    return drawn < 0.05 ? 429 : drawn < 0.055 ? 449 : drawn < 0.06 ? 503 : undefined;
  };
}
