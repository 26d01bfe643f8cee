/** Prints the OpenAPI document of the compiled app, without starting it: `npm run --silent openapi`. */
import { join } from 'node:path';
import { apiDocument } from '../functions/edge/docs-routes';
import { loadFunctions } from './app-loader';

loadFunctions(join(__dirname, '../..'));
process.stdout.write(`${JSON.stringify(apiDocument(), null, 2)}\n`);
