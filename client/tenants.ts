/** Tenants: `formicary.tenants`. */
import type { AnswerOf, BodyOf, QueryOf, Shown } from '../contract/route';
import type { Tenant as TenantSchema, tenants, TenantSummary as SummarySchema } from '../contract/tenants/tenants';
import { type AsOf, type CommandOptions, PAGE, type Page, type ReadOptions, type Session } from './session';

export type Tenant = Shown<typeof TenantSchema>;
export type TenantSummary = Shown<typeof SummarySchema>;
export type TenantLimits = Tenant['limits'];

/** `/v1/tenants`: who has data of its own here, and how much it may have; for people of the tenant `platform`. */
export class TenantsApi {
  constructor(private readonly session: Session) {}

  async list(query: QueryOf<typeof tenants.list> = {}, options?: ReadOptions): Promise<Page<TenantSummary>> {
    return await this.session.call<typeof tenants.list>('GET /v1/tenants', { query }, options);
  }

  /** All tenants that were created or limited, in order of name, page by page. */
  all(options?: ReadOptions): AsyncGenerator<TenantSummary, void, undefined> {
    return this.session.items<typeof tenants.list>('GET /v1/tenants', { query: { limit: PAGE } }, options);
  }

  /** A tenant, or one's own, with its limits and what it has of them. */
  get(name: string, { asOf, ...options }: AsOf = {}): Promise<Tenant> {
    const request = { params: { name }, query: { asOf } };
    return this.session.call<typeof tenants.get>('GET /v1/tenants/{name}', request, options);
  }

  create(
    name: string,
    body: BodyOf<typeof tenants.create>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof tenants.create>> {
    return this.session.call<typeof tenants.create>('PUT /v1/tenants/{name}', { params: { name }, body }, options);
  }

  /** Closes a tenant for good: the first of two people agrees, the second does. */
  close(
    name: string,
    body: BodyOf<typeof tenants.close>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof tenants.close>> {
    return this.session.call<typeof tenants.close>(
      'POST /v1/tenants/{name}/close',
      { params: { name }, body },
      options,
    );
  }

  /** Erases all people of a tenant that was closed, for good: the first of two people agrees, the second does. */
  erase(
    name: string,
    body: BodyOf<typeof tenants.erase>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof tenants.erase>> {
    return this.session.call<typeof tenants.erase>(
      'POST /v1/tenants/{name}/erase',
      { params: { name }, body },
      options,
    );
  }

  /** Changes limits: what is left out stays, null takes one away. */
  limit(
    name: string,
    body: BodyOf<typeof tenants.limit>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof tenants.limit>> {
    const request = { params: { name }, body };
    return this.session.call<typeof tenants.limit>('POST /v1/tenants/{name}/limit', request, options);
  }
}
