/** Binds routes of the contract to the colony of this process. */
import type { Colony } from '../app/colony';
import type { AnswerOf, RouteSpec } from '../contract/route';
import type { Problem } from './edge/problem';
import { type Answer, type BindOptions, bindRoute, type CallOf } from './edge/route';
import { runtime } from './runtime';

/**
 * Registers what serves a route. The handler returns an answer with the contract's form, or returns or throws a
 * `Problem`.
 */
export function bind<R extends RouteSpec>(
  spec: R,
  handler: (colony: Colony, call: CallOf<R>) => Promise<Answer<AnswerOf<R>> | Problem>,
  options?: BindOptions<R>,
): void {
  bindRoute(spec, async (call: CallOf<R>) => await handler((await runtime()).colony, call), options);
}
