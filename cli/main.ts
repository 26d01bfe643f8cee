/**
 * The command line. Each command is loaded when it is called, so that the first line comes fast.
 *
 * Ends with 0 when done, 1 when what was asked for was refused or does not hold, 2 when it could not be done at all.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Help, Option } from 'commander';
import { DEFAULT_URL, FormicaryError } from '../client/client';
import { nearest } from '../domain/kernel/nearest';
import { declareAll } from './additions';
import { asCalled, EXIT_CODES } from './define';
import { bold, CALL, call, calledWith, type Globals, note, RefusedError, styled, UsageError } from './terminal';
import { endWithParent } from './tether';

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder, or a folder on its path is missing',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a folder: name a file',
  EEXIST: 'there is one already',
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  EROFS: 'it lies on a file system that is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
};

const REFUSED = 1;
const NOT_DONE = 2;

const program = new Command('formicary')
  .description('Coordination backend for swarms of AI agents: post work, watch it, and check every receipt.')
  .addOption(new Option('--url <url>', 'address of the host').env('FORMICARY_URL').default(DEFAULT_URL))
  .addOption(new Option('--tenant <tenant>', 'whose data').env('FORMICARY_TENANT'))
  .addOption(
    new Option('--principal <id>', 'in whose name the owner acts: an agent, human:NAME or service:NAME').env(
      'FORMICARY_PRINCIPAL',
    ),
  )
  .option('--json', 'answer as JSON, for programs')
  .version(
    (JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string }).version,
    '-V, --version',
    'print the version',
  )
  .helpCommand(false)
  .showHelpAfterError('(--help shows how it is used)')
  .configureHelp({
    showGlobalOptions: true,
    optionDescription: (option) => Help.prototype.optionDescription(option) + (option.mandatory ? ' (required)' : ''),
    styleTitle: (title) => bold(title),
    styleCommandText: (text) => styled('cyan', text),
  })
  .addHelpText(
    'after',
    asCalled(`
Begin with:
  $ formicary start                                    run a host on this machine
  $ formicary post finance.reconciliation --id inv-1   give it work
  $ formicary tail                                     watch every receipt as it comes
  $ formicary why inv-1                                what led there, and what followed
  $ formicary approvals                                what waits for a person
  $ formicary verify                                   check every chain without the host
`) + EXIT_CODES,
  );

// -------------------------------------------------------------------------------------------------------- commands

try {
  declareAll(program, __dirname);
} catch (error) {
  fail((error as Error).message);
}

// ---------------------------------------------------------------------------------------------------------- errors

/** One line that says what was wrong, and what to do. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : NOT_DONE;
  const [message, hints] = explained(error);
  note([`formicary: ${message}`, ...hints.map((hint) => `  ${hint}`)].join('\n'));
  const isRefused =
    error instanceof RefusedError || (error instanceof FormicaryError && error.status > 0 && !isForeign(error));
  return isRefused ? REFUSED : NOT_DONE;
}

function explained(error: unknown): [message: string, hints: string[]] {
  if (error instanceof UsageError) return [error.message, error.hint === undefined ? [] : [error.hint]];
  if (error instanceof FormicaryError && error.code === 'unreachable')
    return [
      `no host answers at ${program.opts<Globals>().url}`,
      [`Start one with: ${CALL} start`, 'or name another with --url or FORMICARY_URL.'],
    ];
  if (error instanceof FormicaryError && isForeign(error))
    return [`${program.opts<Globals>().url}: ${error.problem.detail}`, ['Name another with --url or FORMICARY_URL.']];
  if (error instanceof FormicaryError && error.status === 401)
    return [
      error.problem.detail,
      [
        `\`${call()} login\` keeps the owner's key, which the first start of the host has printed;`,
        'FORMICARY_TOKEN shows a token.',
      ],
    ];
  if (error instanceof FormicaryError) return [error.problem.detail, error.message.split('\n').slice(1)];
  return [fileFault(error) ?? (error instanceof Error ? error.message : String(error)), []];
}

/** What is wrong with a file or folder, by its name; undefined for another error. */
function fileFault(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  return path === undefined || code === undefined ? undefined : `${path} can't be used: ${FILE_FAULTS[code] ?? code}`;
}

/** Something else than a host has answered. */
function isForeign({ problem, code }: FormicaryError): boolean {
  return problem.type === 'about:blank' || code === 'no-formicary-host';
}

/** What nobody was there to catch: never the 1 that stands for an answer. */
function fail(message: string): never {
  process.stderr.write(`formicary: ${message}\n`);
  process.exit(NOT_DONE);
}

// Whoever reads the output may stop reading: `formicary tail | head`. An answer that was found by then stands.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  fail(`the output can't be written: ${error.message}`);
});
// Notes and progress are no part of the result.
process.stderr.on('error', () => undefined);
process.on('uncaughtException', (error) => fail(error.stack ?? error.message));
process.on('unhandledRejection', (reason) =>
  fail(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
);

/** Commander ends the process itself unless every command is told not to. */
function throwInstead(given: Command): void {
  given.exitOverride();
  given.commands.forEach(throwInstead);
}

endWithParent();

/** What the command line reads by itself; a slip in one of them would act for another tenant, or as somebody else. */
const VARIABLES = [
  'FORMICARY_URL',
  'FORMICARY_TENANT',
  'FORMICARY_PRINCIPAL',
  'FORMICARY_TOKEN',
  'FORMICARY_DPOP_KEY',
  'FORMICARY_KEY',
  'FORMICARY_ASK_MANNER',
  'FORMICARY_ASK_URL',
  'FORMICARY_ASK_MODEL',
  'FORMICARY_ASK_KEY',
];

for (const name of Object.keys(process.env)) {
  const meant = name.startsWith('FORMICARY_') && !VARIABLES.includes(name) ? nearest(name, VARIABLES) : undefined;
  if (meant !== undefined) note(`formicary: the variable ${name} is not known, and not used: did you mean ${meant}?`);
}

program.hook('preAction', () => {
  const typed = (['url', 'tenant', 'principal'] as const).filter(
    (name) => program.getOptionValueSource(name) === 'cli',
  );
  calledWith(Object.fromEntries(typed.map((name) => [name, program.opts<Globals>()[name] as string])));
});
throwInstead(program);
program.parseAsync().catch((error: unknown) => (process.exitCode = report(error)));
