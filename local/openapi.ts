/** Prints the OpenAPI document of the compiled app, without starting it: `npm run --silent openapi`. */
import { join } from 'node:path';
import type * as DocsRoutes from '../functions/edge/docs-routes';
import { loadFunctions } from './app-loader';

loadFunctions(join(__dirname, '../..'));
// The functions library is loaded with the app, and not before it: then it registers with this host.

const { apiDocument } = require('../functions/edge/docs-routes') as typeof DocsRoutes;
process.stdout.write(`${JSON.stringify(apiDocument(), null, 2)}\n`);
