/** Idempotency-Keys: to which request each belongs. What was answered under a key stands in the streams. */
import { type Claimed, type KeyClaim, type Keys, type Report, StoreBusy } from './ports';
import { StoreUnavailable } from './reachable';

/** The port, with the errors of the application; says when a principal has more keys than are kept. */
export class ClaimedKeys implements Keys {
  constructor(
    private readonly keys: Keys,
    private readonly report: Report,
  ) {}

  /** Rejects with `StoreBusy` or `StoreUnavailable`. */
  async claim(claim: KeyClaim): Promise<Claimed> {
    const claimed = await this.keys.claim(claim).catch(unavailable);
    const { tenant, principal } = claim;
    if (claimed.forgotten !== undefined)
      this.report('a principal has more Idempotency-Keys than are kept: its oldest were forgotten', {
        tenant,
        principal,
        forgotten: claimed.forgotten,
      });
    const kept = claimed.kept.catch(unavailable);
    // A caller that was refused for another reason doesn't ask.
    kept.catch(() => undefined);
    return { request: claimed.request, kept };
  }
}

function unavailable(error: unknown): never {
  if (error instanceof StoreBusy) throw error;
  throw new StoreUnavailable('the Idempotency-Key could not be kept', { cause: error });
}
