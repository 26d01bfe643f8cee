/** Who does alone what one process is enough for, where several share the stores. */

export interface LeaseClaim {
  readonly name: string;
  /** Who wants it: one process. */
  readonly holder: string;
  /** Now, in milliseconds since the epoch. */
  readonly at: number;
  /** For how long it is wanted from now on. */
  readonly seconds: number;
}

export interface Leases {
  /** Takes the lease, or keeps it; false while it is another one's. Of those who ask at once one gets it. */
  hold(claim: LeaseClaim): Promise<boolean>;
  /** Gives it up before its time; changes nothing where it is another one's. */
  release(claim: Pick<LeaseClaim, 'name' | 'holder'>): Promise<void>;
}
