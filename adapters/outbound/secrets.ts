/** Secrets out of the environment. */
import type { Secrets } from '../../app/ports';

/** Whoever may set a channel must not reach any other variable of the process. */
const REFERENCE = /^env:(FORMICARY_SECRET_[A-Z0-9_]{1,100})$/;

export class EnvironmentSecrets implements Secrets {
  constructor(private readonly environment: Readonly<Record<string, string | undefined>> = process.env) {}

  async get(reference: string): Promise<string | undefined> {
    const name = REFERENCE.exec(reference)?.[1];
    const value = name === undefined ? undefined : this.environment[name];
    return value === '' ? undefined : value;
  }
}
