/**
 * What the app registers when the worker loads it, held to the reviewed lists: registrations.json, and in
 * registrations.azure.json what only the profile azure has. After a change that is meant:
 * `UPDATE_REGISTRATIONS=1 npx jest test/functions/registrations.test.ts`, and look at the difference.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hides, parseTemplate } from '../../functions/edge/template';
import { inHostOrder } from '../../local/host';
import { compiledApp } from '../support/host';

/** In a process of its own, since an app is loaded once a process: by its package.json, start and end included. */
const PROGRAM = `
  const [local, app, output] = process.argv.slice(1);
  const { registrations } = require(local + '/core.js');
  require(local + '/app-loader.js').loadApp(app).then(({ terminate }) => terminate(), (error) => console.log(error.message)).then(() => {
    // The SDK draws the names of bindings by chance.
    const list = registrations().map(({ name, bindings, retryOptions }) => ({ name, retryOptions, bindings: Object.values(bindings).map(({ name: _, properties: __, ...binding }) => binding) }));
    require('node:fs').writeFileSync(output, JSON.stringify(list.sort((a, b) => (a.name < b.name ? -1 : 1))));
  });`;

interface Registration {
  readonly name: string;
  readonly bindings: readonly {
    readonly type: string;
    readonly route?: string;
    readonly methods?: readonly string[];
  }[];
}

interface Route {
  readonly registration: Registration;
  readonly route: string;
  readonly methods: readonly string[];
}

/** The HTTP functions in the order in which the Functions host looks at them. */
function routesOf(list: readonly Registration[]): Route[] {
  return inHostOrder(
    list.flatMap((registration) =>
      registration.bindings
        .filter(({ type }) => type === 'httpTrigger')
        .map(({ route = registration.name, methods = [] }) => ({ registration, route, methods })),
    ),
  );
}

/** The same where its process knows no cultures: then capitals come before all others. */
function inBytes(routes: readonly Route[]): Route[] {
  const name = ({ registration }: Route) => registration.name;
  return routes.toSorted((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
}

/** Each route that an earlier one takes the requests of, with that one. */
function hidden(list: readonly Registration[]): string[] {
  const routes = routesOf(list);
  return [...new Set([routes, inBytes(routes)].flatMap(hiddenIn))];
}

function hiddenIn(routes: readonly Route[]): string[] {
  return routes.flatMap((later, i) =>
    routes
      .slice(0, i)
      .filter(
        (earlier) =>
          earlier.methods.some((method) => later.methods.includes(method)) &&
          hides(parseTemplate(earlier.route), parseTemplate(later.route)),
      )
      .map(
        (earlier) => `${later.registration.name} (${later.route}) by ${earlier.registration.name} (${earlier.route})`,
      ),
  );
}

/** What is registered with these settings, and what is said while the app starts. */
function register(settings: Readonly<Record<string, string>>): { list: Registration[]; said: string } {
  const app = compiledApp();
  const data = mkdtempSync(join(tmpdir(), 'formicary-registrations-'));
  try {
    const output = join(data, 'list.json');
    const env = { ...process.env, FORMICARY_DATA: data, FORMICARY_LOG: 'silent', ...settings };
    const said = execFileSync(process.execPath, ['-e', PROGRAM, join(app, 'dist/local'), app, output], {
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { list: JSON.parse(readFileSync(output, 'utf8')) as Registration[], said };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function expectReviewed(list: readonly Registration[], file: string): void {
  const reviewed = join(__dirname, file);
  if (process.env.UPDATE_REGISTRATIONS !== undefined) writeFileSync(reviewed, `${JSON.stringify(list, null, 2)}\n`);
  expect(list).toEqual(JSON.parse(readFileSync(reviewed, 'utf8')));
}

test('the built package registers what was reviewed', () => {
  const { list, said } = register({});
  expect(said).toBe('');
  expect(list.length).toBeGreaterThan(20);
  expectReviewed(list, 'registrations.json');
  expect(hidden(list)).toEqual([]);
  expect(routesOf(list).at(-1)).toMatchObject({ registration: { name: 'zNotFound' }, route: '{*path}' });
}, 90_000);

test('in the profile azure, its triggers too', () => {
  // No service is named, so the app doesn't start; by then its functions are registered.
  const { list, said } = register({
    FORMICARY_PROFILE: 'azure',
    FORMICARY_SIGNAL_HUB: 'signals',
    FORMICARY_EVENT_HUB: 'events',
  });
  expect(said).toContain('FORMICARY_COSMOS__accountEndpoint is missing');
  const embedded = register({}).list.map(({ name }) => name);
  expect(embedded.filter((name) => !list.some((registration) => registration.name === name))).toEqual([]);
  expect(hidden(list)).toEqual([]);
  expectReviewed(
    list.filter(({ name }) => !embedded.includes(name)),
    'registrations.azure.json',
  );
}, 90_000);

test('on Azure nothing is opened before the functions are known', () => {
  const shared = { FORMICARY_PROFILE: 'azure', FORMICARY_SIGNAL_HUB: 'signals', FORMICARY_EVENT_HUB: 'events' };
  // No service is named: whoever opened anything would say so.
  const { list, said } = register({ ...shared, FORMICARY_DEV_HEADERS: 'off', WEBSITE_SITE_NAME: 'func-colony' });
  expect(said).toBe('');
  expect(list.length).toBeGreaterThan(100);
}, 90_000);

test('a route that is hidden is found', () => {
  const route = (name: string, path: string): Registration => ({
    name,
    bindings: [{ type: 'httpTrigger', route: path, methods: ['GET'] }],
  });
  expect(hidden([route('listAgentTypes', 'v1/agents/repository'), route('getAgent', 'v1/agents/{id}')])).toEqual([
    'listAgentTypes (v1/agents/repository) by getAgent (v1/agents/{id})',
  ]);
  expect(hidden([route('findAgentTypes', 'v1/agents/repository'), route('getAgent', 'v1/agents/{id}')])).toEqual([]);
});

test('the profile azure needs no node:sqlite, which Node 20 does not have', () => {
  const app = compiledApp();
  const env = {
    ...process.env,
    FORMICARY_LOG: 'silent',
    FORMICARY_PROFILE: 'azure',
    FORMICARY_SIGNAL_HUB: 'signals',
    FORMICARY_EVENT_HUB: 'events',
  };
  const program = `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (id, ...rest) => { if (id === 'node:sqlite') throw new Error('No such built-in module: node:sqlite'); return load(id, ...rest); };
    const [local, app] = process.argv.slice(1);
    require(local + '/app-loader.js').loadApp(app).catch((error) => console.log(error.message));`;
  const said = execFileSync(process.execPath, ['-e', program, join(app, 'dist/local'), app], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(said).toContain('FORMICARY_COSMOS__accountEndpoint is missing');
}, 90_000);
