/** Requests of routes that another door makes: for whoever has come by it, for as long as they wait. */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { Principal } from '../../domain/kernel/principal';
import { attachAbortSignal, goneSignalOf } from './abort';
import { type BoundRoute, serveWithin } from './route';

/** What a door knows of whoever has come by it. */
export interface Visit {
  readonly caller: Principal;
  /** As it came to the door. */
  readonly request: HttpRequest;
}

/** Asks a route for whoever has come, for as long as they wait. */
export async function askWithin(
  { caller, request }: Visit,
  route: BoundRoute,
  asked: HttpRequest,
): Promise<HttpResponseInit> {
  const gone = goneSignalOf(request);
  if (gone !== undefined) attachAbortSignal(asked, () => gone);
  return await serveWithin(route, asked, caller);
}
