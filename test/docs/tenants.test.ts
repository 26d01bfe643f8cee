/** The commands of docs/tenants.md, run in their order against a fresh host, print what the page shows. */
import { walkPage } from './walk';

test('every command prints what the page shows', () =>
  walkPage('docs/tenants.md', ['npx formicary --tenant', 'npx formicary verify']));
