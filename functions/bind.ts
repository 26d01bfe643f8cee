/** Binds routes of the contract to the colony of this process. */
import type { Colony } from '../app/colony';
import type { AnswerOf, RouteSpec } from '../contract/route';
import type { Problem } from './edge/problem';
import { type Answer, bindRoute, type CallOf, type Page } from './edge/route';
import { runtime } from './runtime';

/**
 * Registers what serves a route. The handler returns an answer with the contract's form, or returns or throws a
 * `Problem`.
 * @param page for what links in notices lead to: a browser gets the answer as a page
 */
export function bind<R extends RouteSpec>(
  spec: R,
  handler: (colony: Colony, call: CallOf<R>) => Promise<Answer<AnswerOf<R>> | Problem>,
  page?: Page<AnswerOf<R>>,
): void {
  bindRoute(spec, async (call: CallOf<R>) => await handler((await runtime()).colony, call), page);
}
