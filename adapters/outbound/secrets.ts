/**
 * Secrets out of the environment: `env:OPS` of the tenant `acme-bank` is the variable
 * `FORMICARY_SECRET_ACME_BANK__OPS`.
 */
import type { Secrets } from '../../app/engine/ports';

/**
 * Whoever may set a channel must reach neither another variable of the process nor another tenant's: so no `__` in a
 * name.
 */
const REFERENCE = /^env:([A-Z0-9]+(?:_[A-Z0-9]+)*)$/;
const LONGEST = 100;

export class EnvironmentSecrets implements Secrets {
  constructor(private readonly environment: Readonly<Record<string, string | undefined>> = process.env) {}

  async get(tenant: string, reference: string): Promise<string | undefined> {
    const name = reference.length > LONGEST ? undefined : REFERENCE.exec(reference)?.[1];
    const value =
      name === undefined
        ? undefined
        : this.environment[`FORMICARY_SECRET_${tenant.toUpperCase().replaceAll('-', '_')}__${name}`];
    return value === '' ? undefined : value;
  }
}
