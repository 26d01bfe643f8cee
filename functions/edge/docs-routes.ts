/**
 * `GET /openapi.json` and `GET /docs`: what the API is, for programs and for people; and what is answered where nothing
 * is.
 */
import type { HttpMethod, HttpRequest, HttpResponseInit } from '@azure/functions';
import { DOCS_PAGE } from './docs-page';
import { type ApiInfo, openApi } from './openapi';
import { Problem } from './problem';
import { methodsAt, openRoute } from './route';
import { windowPage } from './window';

/** Every method that the Functions host can route. */
const METHODS: HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

let described: ApiInfo | undefined;

/** The OpenAPI document of what is registered by now. Throws when `registerDocs` was not called. */
export function apiDocument(): Readonly<Record<string, unknown>> {
  if (described === undefined) throw new Error('registerDocs was not called');
  return openApi(described);
}

/** Registers the routes. They are open to every caller that reaches the host; they hold no data. */
export function registerDocs(info: ApiInfo): void {
  described = info;
  let document: string | undefined;
  openRoute('openapi', '/openapi.json', () => ({
    // Built at the first request, when all routes have been declared.
    body: (document ??= JSON.stringify(apiDocument())),
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    },
  }));
  openRoute('docs', '/docs', () => ({
    body: DOCS_PAGE.html,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': DOCS_PAGE.contentSecurityPolicy,
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  }));
  // Takes what no other route takes, since its name is the last: the host itself would answer without a problem
  // document.
  openRoute('zNotFound', '/{*path}', nowhere, METHODS);
}

/**
 * The root is the window, or leads to the documentation where that was not built; anything else says what is wrong with
 * the path or the method.
 */
function nowhere(request: HttpRequest): HttpResponseInit {
  const { method, params } = request;
  const path = `/${params['path'] ?? ''}`;
  const isRead = method === 'GET' || method === 'HEAD';
  if (path === '/' && isRead)
    return windowPage(request) ?? { status: 302, headers: { location: '/docs', 'cache-control': 'no-cache' } };
  const allow = path === '/' ? 'GET, HEAD' : methodsAt(path).join(', ');
  if (allow !== '') throw Problem.of('method-not-allowed', `${path} knows ${allow}.`, {}, { allow });
  throw Problem.of('not-found', `Nothing is found at ${path}. What there is stands at /docs.`);
}
