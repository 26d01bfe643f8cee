/**
 * The cold start: from the start of a process to its first answer, against an app that says hello under the same host;
 * of what is uploaded to Azure too, as it starts there, without its stores; and how large both are.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../samples/demo/host-process';
import { median, pause } from './measure';

const ROOT = path.resolve(__dirname, '../..');
const PATIENCE_MS = 30_000;

export interface StartReport {
  /** Medians, in milliseconds. */
  readonly helloMs: number;
  readonly formicaryMs: number;
  readonly azureMs: number;
  /** How much longer Formicary takes than an app that does nothing. */
  readonly moreMs: number;
  /** What is uploaded to Azure, in MB of 10^6 bytes. */
  readonly azureMb: number;
  /** Of the packages that an installation brings, and of our own compiled code, in MB of 10^6 bytes. */
  readonly dependenciesMb: number;
  readonly packages: number;
  readonly codeMb: number;
}

/** Starts each app `runs` times, in turn; every time on an empty store below `folder`. */
export async function benchStart(folder: string, runs: number): Promise<StartReport> {
  const at = path.join(folder, 'start');
  const hello = helloApp(path.join(at, 'app'));
  const azure = path.join(at, 'azure');
  execFileSync(process.execPath, [path.join(ROOT, 'functions/bundle.mjs'), ROOT, azure]);
  const times = { hello: [] as number[], formicary: [] as number[], azure: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    times.hello.push(await firstAnswer(hello, '/hello', path.join(at, `hello-${run}`)));
    times.formicary.push(await firstAnswer(ROOT, '/health/live', path.join(at, `formicary-${run}`)));
    times.azure.push(await firstAnswer(azure, '/health/live', path.join(at, `azure-${run}`), ON_AZURE));
  }
  const [helloMs, formicaryMs, azureMs] = [median(times.hello), median(times.formicary), median(times.azure)];
  const moreMs = formicaryMs - helloMs;
  return { helloMs, formicaryMs, moreMs, azureMs, azureMb: sizeOf(azure) / 1e6, ...packageSize() };
}

/** What a process on Azure has in its environment. */
const ON_AZURE = {
  FORMICARY_PROFILE: 'azure',
  FORMICARY_SIGNAL_HUB: 'signals',
  FORMICARY_EVENT_HUB: 'events',
  WEBSITE_SITE_NAME: 'bench',
};

/** The smallest app there is: one function, nothing but the SDK. */
function helloApp(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'hello', main: 'hello.js' }));
  writeFileSync(
    path.join(folder, 'host.json'),
    JSON.stringify({ version: '2.0', extensions: { http: { routePrefix: '' } } }),
  );
  writeFileSync(
    path.join(folder, 'hello.js'),
    "require('@azure/functions').app.http('hello', { methods: ['GET'], authLevel: 'anonymous', handler: () => ({ body: 'hello' }) });",
  );
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

async function firstAnswer(
  appDirectory: string,
  route: string,
  data: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<number> {
  const port = await freePort();
  const options = { appDirectory, port, hostname: '127.0.0.1', data, retentionDays: 1 };
  const program = `require(${JSON.stringify(path.join(ROOT, 'dist/local/host.js'))}).startHost(${JSON.stringify(options)}).catch((error) => { console.error(error); process.exit(1); });`;
  const began = performance.now();
  const child = spawn(process.execPath, ['-e', program], {
    env: { ...process.env, FORMICARY_DATA: data, FORMICARY_LOG: 'silent', ...settings },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  try {
    for (;;) {
      const answered = await fetch(`http://127.0.0.1:${port}${route}`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answered) return performance.now() - began;
      if (child.exitCode !== null || performance.now() - began > PATIENCE_MS)
        throw new Error(`the app in ${appDirectory} gave no answer`);
      await pause(2);
    }
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** By the lock file: what an installation brings, without the packages that only some settings need. */
function packageSize(): Pick<StartReport, 'dependenciesMb' | 'packages' | 'codeMb'> {
  const { packages } = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const deployed = Object.entries(packages).filter(
    ([place, { dev, optional }]) => place !== '' && dev !== true && optional !== true,
  );
  const bytes = deployed.reduce((sum, [place]) => sum + sizeOf(path.join(ROOT, place)), 0);
  const code = ['domain', 'projections', 'app', 'adapters', 'functions'].reduce(
    (sum, name) => sum + sizeOf(path.join(ROOT, 'dist', name)),
    0,
  );
  return { dependenciesMb: bytes / 1e6, packages: deployed.length, codeMb: code / 1e6 };
}

/** Bytes of the files in the folder; packages within a package are counted by themselves. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + sizeOf(at);
    return sum + lstatSync(at).size;
  }, 0);
}
