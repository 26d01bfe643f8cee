/** How many streams are open at once: so many of one principal, and of a tenant all together. */
import { AtOnce } from '../../app/operation/limits';
import type { Principal } from '../../domain/kernel/principal';
import { Problem } from './problem';

const RETRY_SECONDS = 60;

export class OpenStreams {
  private readonly ofPrincipals: AtOnce;
  private readonly ofTenants: AtOnce;

  constructor(most: { readonly ofPrincipal: number; readonly ofTenant: number }) {
    this.ofPrincipals = new AtOnce(most.ofPrincipal);
    this.ofTenants = new AtOnce(most.ofTenant);
  }

  /** Counts one stream more until what is returned is called, or `over` aborts. Throws a Problem (429). */
  enter({ tenant, id }: Principal, over: AbortSignal): () => void {
    const leave = this.ofPrincipals.enter(`${tenant} ${id}`, over);
    const leaveTenant = leave && this.ofTenants.enter(tenant, over);
    if (leave !== undefined && leaveTenant !== undefined)
      return () => {
        leave();
        leaveTenant();
      };
    leave?.();
    const [who, { most }] = leave === undefined ? [id, this.ofPrincipals] : [`the tenant ${tenant}`, this.ofTenants];
    throw Problem.later(
      'too-many-requests',
      `${who} has ${most} streams open, which is the most at once; close one, or try again in a minute.`,
      RETRY_SECONDS,
      { limit: most },
    );
  }
}
