/** `GET /openapi.json` and `GET /docs`: what the API is, for programs and for people. */
import { app } from '@azure/functions';
import { DOCS_PAGE } from './docs-page';
import { openApi, type ApiInfo } from './openapi';

/** Registers both routes. They are open to every caller that reaches the host; they hold no data. */
export function registerDocs(info: ApiInfo): void {
  let document: string | undefined;
  app.http('openapi', {
    methods: ['GET'],
    route: 'openapi.json',
    authLevel: 'anonymous',
    handler: () => ({
      // Built at the first request, when all routes have been declared.
      body: (document ??= JSON.stringify(openApi(info))),
      headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' },
    }),
  });
  app.http('docs', {
    methods: ['GET'],
    route: 'docs',
    authLevel: 'anonymous',
    handler: () => ({
      body: DOCS_PAGE.html,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': DOCS_PAGE.contentSecurityPolicy,
        'cache-control': 'no-cache',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      },
    }),
  });
}
